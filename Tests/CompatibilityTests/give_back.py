"""A message is given back after the master that stored it is gone, and comes again.

The client gives a message back to the store host that the message names, and takes it for consumed
even if nobody answers there.
"""

from broker_groups import topic_on, wait_for_master
from scenario import Delivered, apus, launch, run, unique, wait_until

GROUP = "broker-a"


def scenario():
    topic = topic_on(GROUP)
    bodies = {f"message {number}" for number in range(8)}
    apus("produce", "--topic", topic, *bodies)
    gone = wait_for_master(GROUP)["name"]
    launch("kill", gone)
    try:
        wait_for_master(GROUP)
        delivered = Delivered(
            topic, group=unique("CID"), refuses=lambda received: received.reconsume_times == 0
        )

        def came_again():
            return bodies == {taken.body for taken in delivered.taken if taken.reconsume_times}

        # With one message the client gives back all that came with it, before it handled them.
        wait_until(came_again, 40, "each message was given back and came again")
    finally:
        launch("restart", gone)
    return f"give_back: {len(bodies)} messages given back without the master that stored them"


run(scenario)
