"""The last layers of classifiers: cosines, margins, priors."""
