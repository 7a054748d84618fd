"""`Costs`: what mistakes cost, by the loss or by a matrix of classes."""

from pydantic import Field, NonNegativeFloat, PositiveFloat, field_validator

from schemas.contract import Label, Record

Matrix = dict[Label, dict[Label, NonNegativeFloat]]


class Costs(Record):
    """What mistakes cost, in any unit."""

    loss: NonNegativeFloat | None = Field(
        None, description="Cost of one unit of loss: of an error, or of 1 of absolute error"
    )
    retraining: PositiveFloat | None = Field(
        None,
        description="Price of a retraining, in the unit of loss or matrix, else in units of loss; default: what the "
        "loss of 2,000 predictions of the reference comes to",
    )
    matrix: Matrix | None = Field(
        None,
        description="Cost of a prediction, by the class that came true and then by the predicted one (binary, "
        "multiclass); what is not named costs 0. Its mean is judged beside the loss",
    )

    @field_validator("matrix")
    @classmethod
    def _positive(cls, matrix: Matrix | None) -> Matrix | None:
        if matrix is not None and not any(cost for row in matrix.values() for cost in row.values()):
            raise ValueError("no mistake costs anything; name at least one: {actual: {predicted: cost}}")
        return matrix


def matrix_problem(matrix: Matrix, task: str, classes: list[str] | None, positive: str | None) -> str | None:
    """Return what is wrong with a matrix for a model of this task and these classes, or None."""
    if task not in ("binary", "multiclass"):
        return f"costs.matrix is for classes; this task is {task}. Give costs.loss instead"
    if classes is None and task == "multiclass":
        return "costs.matrix needs classes: name them"
    known = classes
    if known is None:
        named = {*matrix, *(predicted for row in matrix.values() for predicted in row)}
        others = sorted(named - {positive})
        if len(others) > 1:
            return f"costs.matrix: a binary task has one class beside {positive!r}, not {', '.join(others)}"
        known = [str(positive), *others]
    for actual, row in matrix.items():
        if actual not in known:
            return f"costs.matrix.{actual}: {actual!r} is not a class; those are {', '.join(known)}"
        for predicted in row:
            if predicted not in known:
                return f"costs.matrix.{actual}.{predicted}: {predicted!r} is not a class; those are {', '.join(known)}"
    return None
