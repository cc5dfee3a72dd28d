"""The battery's components, inputs, programs and models."""
