"""NannyML's CBPE on two tables, in an environment of its own (`make bench-detection` makes bench/.venv-nannyml).

python nannyml_cbpe.py REFERENCE ANALYSIS CHUNK    the estimated ROC AUC of each chunk of the analysis table, in JSON
"""

import json
import sys

import nannyml
import pandas as pd


def main(reference: str, analysis: str, chunk: int) -> None:
    estimator = nannyml.CBPE(
        y_pred_proba="y_pred_proba",
        y_pred="y_pred",
        y_true="repaid",
        problem_type="classification_binary",
        metrics=["roc_auc"],
        chunk_size=chunk,
    )
    result = estimator.fit(pd.read_csv(reference)).estimate(pd.read_csv(analysis))
    estimates = result.filter(period="analysis").to_df()["roc_auc", "value"]
    json.dump({"version": nannyml.__version__, "roc_auc": estimates.tolist()}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
