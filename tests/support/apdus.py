"""Speaks to the card in the named reader: APDUs in hex from stdin, a line each; answers on stdout, `!` when there is none.

The first line is the card's ATR. `!reset` resets the card, `!reconnect` connects again, `!begin` begins a transaction.
"""

import sys

from smartcard.scard import (
    SCARD_PCI_T1,
    SCARD_PROTOCOL_T1,
    SCARD_RESET_CARD,
    SCARD_SCOPE_USER,
    SCARD_SHARE_SHARED,
    SCARD_STATE_PRESENT,
    SCARD_STATE_UNAWARE,
    SCardBeginTransaction,
    SCardConnect,
    SCardEstablishContext,
    SCardGetErrorMessage,
    SCardGetStatusChange,
    SCardReconnect,
    SCardStatus,
    SCardTransmit,
)


def good(code, *values):
    if code != 0:
        raise OSError(SCardGetErrorMessage(code))
    return values[0] if len(values) == 1 else values


def wait_for_card(context, reader):
    states = [(reader, SCARD_STATE_UNAWARE)]
    while True:
        states = good(*SCardGetStatusChange(context, 20000, states))
        if states[0][1] & SCARD_STATE_PRESENT:
            return
        states = [(states[0][0], states[0][1])]


def connect(context, reader):
    wait_for_card(context, reader)
    return good(*SCardConnect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1))[0]


def answer(context, reader, card, line):
    if line == "!reset":
        good(*SCardReconnect(card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, SCARD_RESET_CARD))
        return card, "9000"
    if line == "!reconnect":
        return connect(context, reader), "9000"
    if line == "!begin":
        return card, "9000" if SCardBeginTransaction(card) == 0 else "6f00"
    return card, bytes(good(*SCardTransmit(card, SCARD_PCI_T1, list(bytes.fromhex(line))))).hex()


def main():
    reader = sys.argv[1]
    context = good(*SCardEstablishContext(SCARD_SCOPE_USER))
    card = connect(context, reader)
    print(bytes(good(*SCardStatus(card))[3]).hex(), flush=True)
    for line in sys.stdin:
        try:
            card, text = answer(context, reader, card, line.strip())
        except OSError as error:
            text = f"!{error}"
        print(text, flush=True)


if __name__ == "__main__":
    main()
