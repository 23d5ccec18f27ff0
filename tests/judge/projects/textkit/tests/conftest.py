import pytest


@pytest.fixture
def taken():
    return {"hello", "hello-2", "other"}


@pytest.fixture
def title():
    return "Crème Brûlée!"
