"""The policies that a studio opens and saves: the ready ones, and those of one folder."""

from __future__ import annotations

from pathlib import Path

from augreg.errors import AugregError, PolicyError, printable
from augreg.files import write_whole
from augreg.policy import find_policy
from augreg.policy.document import MAX_BYTES, read_text
from augreg.policy.given import ready_names, ready_policies

SUFFIX = ".json"
_LONGEST = 100  # characters of a file's name


class ChangedError(AugregError):
    """A file that is not what it was when it was read.

    Attributes:
        text: of the file now.
    """

    def __init__(self, message: str, text: str) -> None:
        super().__init__(message)
        self.text = text


class Documents:
    """Policies by their `file`: a path in the folder of the one that was given, or a ready name.

    Where a ready policy was given, the folder is the one that the studio was started in. The lines
    of texts end as those of an editor; a file keeps its own ends.

    Attributes:
        given: the file that the studio was started with.
        folder: where files are.
        first: the text of `given` at that time.

    Raises:
        PolicyError: that file can't be read.
    """

    def __init__(self, given: str) -> None:
        path = find_policy(given)
        self.given = given
        self.folder = Path() if path.parent == ready_policies() else path.parent
        self.first = unified(read_text(path))

    def files(self) -> list[str]:
        """The files of the folder, sorted."""
        try:
            found = sorted(one for one in self.folder.glob(f"*{SUFFIX}") if one.is_file())
        except OSError:
            found = []
        return [str(one) for one in found if not one.name.startswith(".")]

    def is_ready(self, file: str) -> bool:
        """Whether it is the name of a ready policy, which is not written."""
        return file in ready_names() and not Path(file).is_file()

    def read(self, file: str) -> str:
        """The text of a policy.

        Raises:
            PolicyError: it can't be read, or is none of those that the studio may read.
        """
        if file != self.given and not self.is_ready(file) and self.path(file) is None:
            raise PolicyError("the studio was not given this file", path=printable(file))
        return unified(read_text(find_policy(file)))

    def write(self, file: str, text: str, over: str | None) -> None:
        """Writes a policy whole or not at all.

        Args:
            over: the text that the file has, which is replaced; None: there is no such file.

        Raises:
            ChangedError: the file is another one by now; nothing is written.
            PolicyError: it is none of those that the studio may write, or longer than a policy.
            OSError: the system refuses.
        """
        path = self.path(file)
        if path is None:
            raise PolicyError(
                f'a policy\'s name ends with "{SUFFIX}" and has no "/"', path=printable(file)
            )
        found = read_text(path) if path.exists() else None
        if found is not None and (over is None or unified(found) != over):
            raise ChangedError(f"{path} was changed by somebody else", unified(found))
        contents = text.replace("\n", "\r\n") if found and "\r\n" in found else text
        if len(contents.encode()) > MAX_BYTES:
            raise PolicyError(f"a policy has at most {MAX_BYTES:,} bytes", path=str(path))
        write_whole(path, contents.encode())

    def path(self, file: str) -> Path | None:
        """The path of a file in the folder; None of all else."""
        path = Path(file)
        name = path.name
        plain = name.isprintable() and len(name) <= _LONGEST and not name.startswith(".")
        if not plain or path.parent != self.folder or path.suffix != SUFFIX or name == SUFFIX:
            return None
        return path

    def named(self, name: str) -> str:
        """The file of a name in the folder, which gets its suffix where it has none."""
        name = name.strip()
        return str(self.folder / (name if name.endswith(SUFFIX) else f"{name}{SUFFIX}"))


def unified(text: str) -> str:
    """The text with the line ends of an editor."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
