from dataclasses import dataclass


@dataclass
class Item:
    text: str
    done: bool = False

    def line(self, number):
        mark = "x" if self.done else " "
        return f"{number}. [{mark}] {self.text}"
