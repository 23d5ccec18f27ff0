"""Words of questions and what programs call the same thing: `environment variables` is `env`, `remove` is `delete`.

Measured with and without (docs/ranking.md): questions in words gain 0.01, no set loses as much. It is a list of what
programmers abbreviate everywhere, not of any project's words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from retrieval.lexical.terms import stem

_SAME = """
address addr
administrator admin
allocate alloc
application app
argument arg args
asynchronous async
attribute attr
authentication auth
authorization auth
average avg
boolean bool
buffer buf
calculate calc compute
callback cb
character char
color colour
column col
command cmd
component comp
configuration config conf cfg
connection conn
construct build make
context ctx
convert to
create make new build
current cur
database db
deallocate free dealloc
delete remove del
delimiter sep
description desc
descriptor desc
deserialize load parse
destination dest dst
dictionary dict
directory dir folder
distribution dist
documentation doc docs
element elem el
environment env
error err exception
evaluate eval
event evt
execute exec run
expression expr regex
function func fn
generate gen
identifier ident id
image img
index idx
information info
initialize init setup
integer int
iterator iter
language lang
length len
library lib
listener handler
maximum max
memory mem
message msg
minimum min
multiple multi
number num
object obj
obtain get
original orig
package pkg
parameter param params
pointer ptr
position pos
previous prev
process proc
property prop props
reference ref
regular regex
remove delete del
repository repo
request req
response resp res
retrieve get fetch
return get
separator sep
sequence seq
serialise serialize dump
shutdown close stop
source src
specification spec
start launch
statement stmt
string str
synchronous sync
template tpl tmpl
temporary temp tmp
threading thread
timeout deadline
timezone tz
utility util utils
value val
variable var
version ver
"""


def _load() -> Mapping[str, tuple[str, ...]]:
    """Both ways, by stem."""
    same: defaultdict[str, set[str]] = defaultdict(set)
    for line in _SAME.split("\n"):
        words = [stem(word) for word in line.split()]
        for word in words[1:]:
            same[words[0]].add(word)
            same[word].add(words[0])
    return {word: tuple(sorted(others - {word})) for word, others in same.items()}


SYNONYMS = _load()
"""Stems by stem, in alphabetical order."""
