from dates import format_date


def line(date, label, amount):
    """One line of the journal."""
    if amount < 0:
        sign = "-"
    else:
        sign = "+"
    return "%s | %s | %s%d" % (format_date(*date), label, sign, abs(amount))


def total(lines):
    result = 0
    for text in lines:
        result += int(text.rsplit("|", 1)[1])
    return result