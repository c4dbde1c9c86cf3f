"""The chart's rights against the audit log of all that was done under them."""

from test_rights import judge

HOOK = "system:serviceaccount:gostat-system:gostat-undo"
CONTROLLER = "system:serviceaccount:gostat-system:gostat"


def test_rights(world, report):
    judge(world, report, "install", (CONTROLLER, HOOK), always=(HOOK,))
