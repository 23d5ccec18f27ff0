"""Ask candidates that all pass for more inputs than the tests have, to see where they differ. Loaded by search.py.

The inputs are those that the tests gave the changed functions, and small variations of them. What comes out is a
question for a person and a hint for the ranking, never evidence.
"""

import os
import pickle
import signal
import time

_CALLS = 12  # of the tests, that inputs are made from
_INPUTS = 80
_SECONDS = 0.3  # for one input
_ALL = 4.0  # for all inputs of one candidate
_TEXT = 120
_DEPTH = 5


def watch_of(functions):
    """What `record.Recorder` wants: file to (first line, last line, name) of each function."""
    watch = {}
    for function in functions:
        code = function.__code__
        watch.setdefault(code.co_filename, []).append([code.co_firstlineno, code.co_firstlineno, function.__qualname__])
    return watch


def inputs(calls, replay):
    """The recorded calls and variations of them, each as a call that `replay.prepared` understands, with a text."""
    found, seen = [], set()
    for call in calls[:_CALLS]:
        made = replay.prepared(call)
        if made is None:
            continue
        _, positional, keywords = made
        for args in varied(list(positional)):
            try:
                blob = pickle.dumps((args, keywords), protocol=4)
            except Exception:
                continue
            if blob not in seen and len(found) < _INPUTS:
                seen.add(blob)
                text = "%s(%s)" % (call["name"], ", ".join(short(each) for each in args if is_plain(each)))
                found.append((dict(call, args=blob.hex()), text))
    return found


def varied(args):
    """The arguments as they are, then with one of them changed."""
    yield args
    for place, value in enumerate(args):
        for other in variations(value):
            yield args[:place] + [other] + args[place + 1 :]


def variations(value):
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [0, 1, -1, value + 1, value - 1, 2 * value + 3]
    if isinstance(value, float):
        return [0.0, -value, value + 0.5]
    if isinstance(value, str):
        return ["", value[:1], value + value, " " + value, value[1:]]
    if type(value) in (list, tuple):
        return [value[:0], value[:1], value + value, value[::-1], value[1:]]
    if type(value) is dict:
        return [{}, dict(list(value.items())[:1])]
    return []


def answers(made, replay):
    """What the functions give for each input, as text: None where it did not end, or cannot be asked."""
    found = []
    until = time.monotonic() + _ALL

    class Late(BaseException):
        pass

    def expire(number, frame):
        raise Late

    signal.signal(signal.SIGALRM, expire)
    for call, _ in made:
        text = None
        if time.monotonic() < until:
            try:
                signal.setitimer(signal.ITIMER_REAL, _SECONDS)
                text = replay.answer(call)
            except BaseException:
                text = "does not end"
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        found.append(text)
    return found


def compared(by_candidate, made):
    """(group of each candidate, differences): candidates of one group answered alike on everything."""
    groups, of = {}, {}
    for index, texts in by_candidate.items():
        of[index] = groups.setdefault(tuple(texts), len(groups))
    differences = []
    for place, (_, text) in enumerate(made):
        here = {index: texts[place] for index, texts in by_candidate.items()}
        if None not in here.values() and len(set(here.values())) > 1:
            differences.append({"input": text, "answers": {str(index): said[:_TEXT] for index, said in here.items()}})
    return of, sorted(differences, key=lambda each: len(each["input"]))[:3]


def is_plain(value):
    return value is None or type(value) in (bool, int, float, str, bytes, list, tuple, dict, set)


def short(value):
    text = repr(value).replace(os.getcwd(), "")
    return text if len(text) <= 40 else text[:39] + "…"
