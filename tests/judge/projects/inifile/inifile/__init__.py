"""Reading and writing of ini files, comments kept."""

from inifile.document import Document, Section
from inifile.reader import ParseError, parse
from inifile.values import as_bool, as_duration, as_list, as_number

__all__ = ["Document", "ParseError", "Section", "as_bool", "as_duration", "as_list", "as_number", "parse"]
