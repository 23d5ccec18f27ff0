"""pytest plugins that are kept out: they run tests elsewhere, again, in another order, or not at all."""

NAMES = ("cacheprovider", "xdist", "pytest_cov", "randomly", "rerunfailures", "sugar", "timeout", "stepwise")


def options():
    return [word for name in NAMES for word in ("-p", "no:" + name)]
