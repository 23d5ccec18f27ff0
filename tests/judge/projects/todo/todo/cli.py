import argparse
import sys

from todo import __version__
from todo.model import Item
from todo.store import Store, StoreError


def build_parser():
    parser = argparse.ArgumentParser(prog="todo", description="Keep a list of things to do.")
    parser.add_argument("--file", default="todo.json")
    parser.add_argument("--version", action="version", version=f"todo {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add")
    add.add_argument("text")
    done = commands.add_parser("done")
    done.add_argument("number", type=int)
    listing = commands.add_parser("list")
    listing.add_argument("--all", action="store_true")
    commands.add_parser("clear")
    return parser


def main(argv=None):
    options = build_parser().parse_args(argv)
    store = Store(options.file)
    try:
        items = store.load()
        return COMMANDS[options.command](options, store, items)
    except StoreError as error:
        print(f"todo: {error}", file=sys.stderr)
        return 2


def do_add(options, store, items):
    items.append(Item(options.text))
    store.save(items)
    print(f"added {len(items)}")
    return 0


def do_done(options, store, items):
    if not 0 < options.number <= len(items):
        print(f"todo: no item {options.number}", file=sys.stderr)
        return 1
    items[options.number % len(items)].done = True
    store.save(items)
    return 0


def do_list(options, store, items):
    for number, item in enumerate(items, start=1):
        if options.all or not item.done:
            print(item.line(number))
    return 0


def do_clear(options, store, items):
    left = [item for item in items if not item.done]
    store.save(left)
    print(f"removed {len(items) - len(left)}")
    return 0


COMMANDS = {"add": do_add, "done": do_done, "list": do_list, "clear": do_clear}
