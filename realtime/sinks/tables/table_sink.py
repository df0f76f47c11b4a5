"""Results into a table, of whatever format."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, Self

from realtime.sinks.files.jsonl_csv_udp import LineFile, text_rows
from realtime.sinks.tables.long_rows import Columns, Kind, Rows
from realtime.types.results import Result
from realtime.writing.header import Header


class Table(Protocol):
    """A file that grows by rows. OutputError where it cannot be written."""

    def open(self) -> None:
        """Before the first rows."""
        ...

    def add(self, columns: Columns) -> None:
        """More rows."""
        ...

    def close(self, kind: type[BaseException] | None) -> None:
        """kind: of the error that ended the run."""
        ...


class TableSink:
    """Writes the rows of results. header: of the run, which learns the pictures' sizes."""

    def __init__(self, path: Path, table: Table, rows: Rows, header: Header) -> None:
        self.written = str(path)
        self._table, self._rows, self._header = table, rows, header

    def __enter__(self) -> Self:
        self._table.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._table.close(kind)

    def write(self, result: Result) -> None:
        """The rows of an instant."""
        self._header.see(result)
        columns = self._rows.of(result)
        if columns is not None:
            self._table.add(columns)


class LongCsv:
    """Text: a line of names, then a line a row; what is not known is empty."""

    def __init__(self, path: Path, sources: list[Path], rows: Rows) -> None:
        self._file = LineFile(path, "--csv", sources)
        self._kinds = rows.kinds

    def open(self) -> None:
        """The names."""
        self._file.open(text_rows([[*self._kinds]]))

    def add(self, columns: Columns) -> None:
        """A line for each row."""
        cells = [_texts(kind, columns, name) for name, kind in self._kinds.items()]
        self._file.append(text_rows([*zip(*cells, strict=True)]))

    def close(self, kind: type[BaseException] | None) -> None:
        """The file is whole after every line."""
        self._file.close(kind)


def _texts(kind: Kind, columns: Columns, name: str) -> list[object]:
    values = columns[name].tolist()
    match kind:
        case "number":
            return ["" if value != value else f"{value:.6g}" for value in values]
        case "flag":
            return [int(value) for value in values]
    return [*values]
