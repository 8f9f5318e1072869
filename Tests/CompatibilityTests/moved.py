"""An operator moves groups: a consumer at work follows, and a new group goes on where another is."""

from scenario import (
    Delivered, apus, check, created_topic, message, producer, run, send, unique, wait_until,
)


def scenario():
    topic, group = created_topic("Moved"), unique("CID")
    delivered = Delivered(topic, group=group).connect()
    to = producer()
    bodies = [f"old {number}" for number in range(20)]
    for body in bodies:
        send(to, message(topic, body))
    delivered.wait_for(bodies)

    apus("group", "seek", group, "--topic", topic, "--to", "first")
    wait_until(
        lambda: all(delivered.bodies.count(body) == 2 for body in bodies), 30,
        "all messages once more",
    )

    other = unique("CID")
    apus("group", "skip-backlog", other, "--topic", topic)
    third = unique("CID")
    apus("group", "clone-offsets", other, "--to", third, "--topic", topic)
    newcomers = [Delivered(topic, group=name, apart=True).connect() for name in (other, third)]
    send(to, message(topic, "new"))
    for newcomer in newcomers:
        newcomer.wait_for(["new"])
        check(newcomer.bodies == ["new"], f"a group that skipped its backlog got {newcomer.bodies}")
    return "moved: a group at work began anew, two others skipped what was there"


run(scenario)
