"""A study's folder, written by hand, for tests of its report."""

STUDY = {
    "version": 1,
    "name": "kinds | <script>",
    "environment": {"backend": "none"},
    "fingerprint": {"oracle": "random", "seed": 0},
    "objective": {"name": "val_loss", "direction": "min"},
    "baseline": {"loss": "a"},
    "parts": ["loss", "rate"],
    "configs": ["baseline", "trial_0001", "trial_0001-without-loss"],
    "seeds": [0, 1, 2],
    "epochs": 2,
    "batch_size": 4,
    "tested": True,
    "class_names": None,
    "max_trials": 3,
    "seconds": 61.0,
}


def trial(number, score, status="COMPLETED", message=None, **values):
    return {
        "trial_id": str(number),
        "hyperparameters": {"space": [], "values": values},
        "metrics": {"metrics": {}},
        "score": score,
        "best_step": 1,
        "status": status,
        "message": message,
    }


def config(role, scores, matrix=None, reverted="", **values):
    return {
        "role": role,
        "label": f"{role} label",
        "values": values,
        "reverted": reverted,
        "attempts": {},
        "runs": {
            str(seed): {
                "score": score,
                "validation": score,
                "epoch": 1,
                "seconds": 1.0,
                "metrics": {"loss": score},
                "matrix": matrix,
            }
            for seed, score in enumerate(scores)
        },
    }
