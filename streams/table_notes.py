"""What a person should know of how tables are read: columns that nothing names, classes without a probability.

Words alone: nothing is refused here.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence

from schemas.spec import MonitorSpec
from schemas.table_spec import FilesSpec, PredictionTable, ReferenceTable
from streams.table_source import TableSource

NAMED = 10  # columns that a note names


def unnamed_columns(sources: Iterable[TableSource], files: FilesSpec) -> list[str]:
    """Return a note for each table of predictions with columns that no key and no feature names.

    A table may be read in several roles: what any of them names is named.
    """
    named: dict[str, set[str]] = defaultdict(set)
    tables: dict[str, TableSource] = {}
    for source in sources:
        named[source.name] |= source.reader.columns
        if source.role == "predictions":
            tables.setdefault(source.name, source)
    for table in files.reference:
        columns = table.columns
        named[table.path] |= {name for name in (columns.outcome, columns.rating, columns.correction) if name}
    notes = []
    for name, source in tables.items():
        if unnamed := [column for column in source.present() if column not in named[name]]:
            more = f" and {len(unnamed) - NAMED} more" if len(unnamed) > NAMED else ""
            notes.append(f"columns of {name} that no key and no feature names: {', '.join(unnamed[:NAMED])}{more}")
    return notes


def missing_classes(spec: MonitorSpec, classes_of: Callable[[str], Collection[str] | None]) -> list[str]:
    """Return a note for each table whose probabilities leave out a class of its model (multiclass)."""
    files = spec.files or FilesSpec()
    tables: list[tuple[str, Sequence[PredictionTable | ReferenceTable]]]
    tables = [("reference", files.reference), ("predictions", files.predictions)]
    notes = []
    for role, members in tables:
        for number, table in enumerate(members):
            model = table.model or (next(iter(spec.models)) if len(spec.models) == 1 else "")
            by_class = table.columns.probabilities
            if by_class is None or model not in spec.models or spec.models[model].task != "multiclass":
                continue
            missing = sorted(set(classes_of(model) or ()) - set(by_class))
            if missing:
                place = f"files.{role}" + (f"[{number}]" if len(members) > 1 else "")
                notes.append(
                    f"{place}.columns.probabilities has no column for {', '.join(missing)}, of {model}'s classes"
                )
    return notes
