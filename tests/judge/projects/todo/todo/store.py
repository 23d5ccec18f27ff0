import json
import os

from todo.model import Item


class StoreError(Exception):
    pass


class Store:
    """Items in a JSON file, written in one step."""

    def __init__(self, path):
        self.path = path

    def load(self):
        try:
            with open(self.path, encoding="utf-8") as file:
                entries = json.load(file)
        except FileNotFoundError:
            return []
        except json.JSONDecodeError as error:
            raise StoreError(f"{self.path} is damaged: {error}") from error
        return [Item(entry["text"], entry["done"]) for entry in entries]

    def save(self, items):
        temporary = f"{self.path}.tmp"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump([{"text": item.text, "done": item.done} for item in items], file)
        os.replace(temporary, self.path)
