import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import AdaBoostClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from streams.errors import UserError
from streams.trainers.skops_file import packed, unpacked

ESTIMATORS = [
    AdaBoostClassifier(n_estimators=5, random_state=0),
    HistGradientBoostingClassifier(max_iter=5, categorical_features=[1], random_state=0),
    LogisticRegression(),
    KNeighborsClassifier(),
    MLPClassifier((4,), max_iter=3, random_state=0),
]
ROWS = np.random.default_rng(0).integers(0, 5, size=(200, 3)).astype(np.float64)
TRUTHS = (ROWS[:, 0] + ROWS[:, 1] > 4).astype(np.int64)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: type(each).__name__)
def test_an_estimator_comes_back_and_its_bytes_are_the_same_every_time(estimator: Any):
    data = packed(estimator.fit(ROWS, TRUTHS), "sklearn")
    again = type(estimator)(**estimator.get_params()).fit(ROWS.copy(), TRUTHS.copy())
    assert packed(again, "sklearn") == data
    back = unpacked(data, "sklearn")
    assert packed(back, "sklearn") == data
    assert (back.predict_proba(ROWS) == estimator.predict_proba(ROWS)).all()


def test_a_file_that_names_other_classes_is_not_read():
    data = packed(LogisticRegression().fit(ROWS, TRUTHS), "sklearn")
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "schema.json":
                schema = json.loads(content)
                schema |= {"__class__": "Popen", "__module__": "subprocess"}
                content = json.dumps(schema).encode()
            new.writestr(name, content)
    with pytest.raises(UserError, match=r"not trusted: .*subprocess\.Popen"):
        unpacked(out.getvalue(), "sklearn")
    with pytest.raises(UserError, match="not a model that can be read"):
        unpacked(b"no zip file", "sklearn")


class Odd:
    """A class of nobody's package."""


def test_what_only_pickle_could_keep_is_refused_when_it_is_written():
    estimator = LogisticRegression().fit(ROWS, TRUTHS)
    estimator.extra_ = Odd()
    with pytest.raises(UserError, match="cannot be stored without pickle"):
        packed(estimator, "sklearn")
