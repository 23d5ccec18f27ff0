class Section:
    def __init__(self, name):
        self.name = name
        self._values = {}

    def __getitem__(self, key):
        return self._values[key]

    def __setitem__(self, key, value):
        self._values[key] = str(value)

    def __contains__(self, key):
        return key in self._values

    def __iter__(self):
        return iter(self._values)

    def get(self, key, default=None):
        return self._values.get(key, default)

    def items(self):
        return list(self._values.items())


class Document:
    def __init__(self):
        self._sections = {}
        self.comments = []

    def section(self, name):
        """Return a section, made when there is none."""
        if name not in self._sections:
            self._sections[name] = Section(name)
        return self._sections[name]

    def __getitem__(self, name):
        return self._sections[name]

    def __iter__(self):
        return iter(self._sections.values())

    def __len__(self):
        return len(self._sections)

    def dump(self):
        parts = []
        for comment in self.comments:
            parts.append("# " + comment + "\n")
        for section in self:
            if parts:
                parts.append("\n")
            parts.append("[" + section.name + "]\n")
            for key, value in section.items():
                parts.append(key + " = " + value + "\n")
        return "".join(parts)
