"""Tables as Parquet files, by the library pyarrow."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from importlib.util import find_spec
from io import BufferedWriter
from pathlib import Path
from typing import Any

import numpy as np

from calibration.disk.replace import replacing
from realtime.sinks.tables.long_rows import Columns, Kind, Rows
from realtime.types.errors import OutputError
from realtime.writing.header import Header
from realtime.writing.whole_files import check_file, reason

GROUP_ROWS = 1 << 17  # of a row group: 4 minutes of a person at 30 fps
METADATA = b"posestream"  # the key of the header in the file's metadata


def check_arrow() -> None:
    """OutputError where the library is not installed."""
    if find_spec("pyarrow") is None:
        raise OutputError(
            "--parquet needs the package pyarrow, which is not installed; run: pip install pyarrow"
        )


class Parquet:
    """A file of row groups, in place of what was there when the run has ended, whatever ended it.

    A file without its end cannot be read, so that until then it has no name; a killed program
    leaves nothing of it. What is said of the run (JSON) is the value of `posestream` in the file's
    metadata.
    """

    def __init__(self, path: Path, sources: list[Path], rows: Rows, header: Header) -> None:
        check_arrow()
        check_file(path, "--parquet", sources)
        self._path, self._kinds, self._header = path, rows.kinds, header
        self._parts: list[Columns] = []
        self._count, self._broken = 0, False
        self._stack = ExitStack()
        self._schema: Any = None
        self._writer: Any = None

    def open(self) -> None:
        """What was there stays until the end."""

    def add(self, columns: Columns) -> None:
        """Kept until there are enough for a row group."""
        self._parts.append(columns)
        self._count += len(columns["keypoint"])
        if self._count >= GROUP_ROWS:
            self._flush()

    def close(self, kind: type[BaseException] | None) -> None:
        """Write what is left, and the end; where that fails the earlier file stays."""
        nothing = kind is not None and self._writer is None and not self._parts
        if nothing or self._broken:
            return
        self._flush()
        try:
            self._stack.close()
        except OSError as error:
            raise self._failed(error) from error

    def _flush(self) -> None:
        """Write a row group, an empty one where there are no rows."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            if self._writer is None:
                self._schema = pa.schema(
                    [(name, ARROW[kind](pa)) for name, kind in self._kinds.items()],
                    metadata={METADATA: self._header.line.encode()},
                )
                file = BufferedWriter(self._stack.enter_context(replacing(self._path)))
                self._stack.callback(file.detach)  # flushes, and leaves the file open to be named
                self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")
                self._stack.callback(self._writer.close)
            arrays = [
                pa.array(
                    np.concatenate([part[name] for part in self._parts]) if self._parts else [],
                    field.type,
                    from_pandas=True,  # NaN is not known, null
                )
                for name, field in zip(self._kinds, self._schema, strict=True)
            ]
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        except OSError as error:
            self._broken = True
            with suppress(OSError):  # the disk that is full is so for the end of the file too
                self._stack.__exit__(OSError, error, None)
            raise self._failed(error) from error
        self._parts, self._count = [], 0

    def _failed(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self._path} cannot be written: {reason(error)}; an earlier file of that name stays "
            "as it is."
        )


ARROW: dict[Kind, Any] = {
    "integer": lambda pa: pa.int64(),
    "seconds": lambda pa: pa.float64(),
    "text": lambda pa: pa.string(),
    "number": lambda pa: pa.float32(),
    "flag": lambda pa: pa.bool_(),
}
