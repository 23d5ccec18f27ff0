from textkit import slugify, unique_slug


def test_lower_case():
    assert slugify("Hello") == "hello"


def test_one_space():
    assert slugify("Hello World") == "hello-world"


def test_accents(title):
    assert slugify(title) == "creme-brulee"


def test_sharp_s():
    assert slugify("Straße") == "strasse"


def test_runs_of_spaces_become_one_separator():
    assert slugify("a   b") == "a-b"


def test_punctuation_becomes_one_separator():
    assert slugify("rock & roll, baby") == "rock-roll-baby"


def test_separator():
    assert slugify("a b", separator="_") == "a_b"


def test_ends_are_clean():
    assert slugify("  a b  ") == "a-b"


def test_max_length_cuts_at_a_word():
    assert slugify("one two three", max_length=8) == "one-two"


def test_max_length_of_one_long_word():
    assert slugify("extraordinary", max_length=5) == "extra"


def test_unique_is_plain_when_free(taken):
    assert unique_slug("New", taken) == "new"


def test_unique_counts(taken):
    assert unique_slug("Hello", taken) == "hello-3"
