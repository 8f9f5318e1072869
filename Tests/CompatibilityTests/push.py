"""A push consumer gets everything, another group too, and tags choose."""

from scenario import Delivered, check, created_topic, message, producer, run, send


def scenario():
    topic = created_topic("Push")
    everything = Delivered(topic).connect()
    other_group, chosen = Delivered(topic), Delivered(topic, "TagA || TagC")
    to = producer()

    sent = {}
    for number in range(60):
        tag = ("TagA", "TagB", "TagC")[number % 3]
        sent[f"{tag} {number}"] = tag
        send(to, message(topic, f"{tag} {number}", tags=tag))

    everything.wait_for(sent)
    other_group.wait_for(sent)
    wanted = [body for body, tag in sent.items() if tag != "TagB"]
    chosen.wait_for(wanted)
    check(set(chosen.bodies) == set(wanted), "no message of another tag arrives")
    check(len(everything.bodies) == len(set(everything.bodies)), "nothing arrives twice")
    return "push: 60 messages to two groups, and by tag to a third"


run(scenario)
