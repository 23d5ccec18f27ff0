import pytest

from ledger import InsufficientFunds, Ledger, LedgerError, UnknownAccount


def book():
    ledger = Ledger()
    ledger.open("ann", 500)
    ledger.open("bob", 50)
    return ledger


def test_open_and_balance():
    assert book().balance("ann") == 500


def test_open_twice():
    with pytest.raises(LedgerError):
        book().open("ann")


def test_unknown_account():
    with pytest.raises(UnknownAccount):
        book().balance("eve")


def test_deposit():
    ledger = book()
    ledger.deposit("bob", 25)
    assert ledger.balance("bob") == 75


def test_deposit_must_be_positive():
    with pytest.raises(LedgerError):
        book().deposit("bob", 0)


def test_withdraw():
    ledger = book()
    ledger.withdraw("ann", 120)
    assert ledger.balance("ann") == 380


def test_withdraw_too_much():
    with pytest.raises(InsufficientFunds, match="only 0.50"):
        book().withdraw("bob", 51)


def test_withdraw_everything():
    ledger = book()
    ledger.withdraw("bob", 50)
    assert ledger.balance("bob") == 0


def test_transfer():
    ledger = book()
    ledger.transfer("ann", "bob", 200)
    assert (ledger.balance("ann"), ledger.balance("bob")) == (300, 250)


def test_transfer_everything():
    ledger = book()
    ledger.transfer("bob", "ann", 50)
    assert ledger.balance("bob") == 0
    assert ledger.balance("ann") == 550


def test_transfer_to_nobody_changes_nothing():
    ledger = book()
    with pytest.raises(UnknownAccount):
        ledger.transfer("ann", "eve", 10)
    assert ledger.balance("ann") == 500


def test_total_is_kept_by_transfers():
    ledger = book()
    ledger.transfer("ann", "bob", 1)
    assert ledger.total() == 550


def test_statement():
    ledger = book()
    ledger.deposit("ann", 5)
    ledger.withdraw("ann", 10)
    assert ledger.statement("ann") == [("open", 500), ("deposit", 5), ("withdraw", 10)]


def test_statement_by_kind():
    ledger = book()
    ledger.deposit("ann", 5)
    assert ledger.statement("ann", kind="deposit") == [("deposit", 5)]
