internal import MessageFormat

// Every delivery beyond a message's first to a group needs a cause.

extension Findings {
    /// How long after a queue has moved its former owner may still hand out what it had fetched,
    /// and the new one what the former had not yet reported as done.
    private static let handOverNanoseconds: Int64 = 30_000_000_000
    /// An election is seen when the controllers are asked the next time.
    private static let electionSeenLateNanoseconds: Int64 = 2_000_000_000

    mutating func checkDuplicates() {
        let deliveries = self.record.deliveries
        func message(_ index: Int) -> Int32 {
            self.record.attempts[Int(deliveries[index].identity)].message
        }
        let order = deliveries.indices.filter { deliveries[$0].identity >= 0 }
            .sorted { left, right in
                (deliveries[left].group, message(left), deliveries[left].at, left)
                    < (deliveries[right].group, message(right), deliveries[right].at, right)
            }
        var start = 0
        while start < order.count {
            var end = start
            while end < order.count, message(order[end]) == message(order[start]),
                deliveries[order[end]].group == deliveries[order[start]].group
            { end += 1 }
            self.checkDeliveries(order[start..<end].map { deliveries[$0] })
            start = end
        }
    }

    /// All deliveries of one message to one group.
    private mutating func checkDeliveries(_ deliveries: [Record.Delivery]) {
        guard deliveries.count > 1,
            self.record.isOwn(self.record.attempts[Int(deliveries[0].identity)])
        else { return }
        for index in deliveries.indices.dropFirst() {
            let delivery = deliveries[index]
            let earlier = deliveries[..<index]
            let before =
                earlier.last { $0.place == delivery.place }
                ?? earlier.last { $0.identity == delivery.identity } ?? deliveries[index - 1]
            let cause = self.cause(of: delivery, after: before)
            self.verdict.duplicated[cause, default: 0] += 1
            if cause == .unexplained { self.foundUnexplained(delivery, after: before) }
        }
    }

    private func cause(
        of delivery: Record.Delivery, after before: Record.Delivery
    ) -> DuplicateCause {
        if delivery.isRetry { return .retried }
        if delivery.identity != before.identity { return self.causeOfResend(delivery, before) }
        guard delivery.place == before.place else { return .unexplained }
        let ack = Record.AckKey(
            group: before.group, consumer: before.consumer, place: before.place)
        if let change = self.handOver(from: before, to: delivery) { return change }
        if self.record.uncertainAcks.contains(ack) { return .acknowledgementUncertain }
        if self.hadFailover(delivery.place.queue, between: before.at, and: delivery.at) {
            return .failover
        }
        let isFault = self.record.faults.contains { $0.overlaps(before.at, delivery.at) }
        return isFault ? .fault : .unexplained
    }

    /// Progress that the old master had not yet shared is made again with the new one.
    private func hadFailover(_ queue: Int32, between start: Int64, and end: Int64) -> Bool {
        let group = self.record.queues[queue].brokerName
        return self.record.elections.contains {
            $0.election.master.group == group
                && (start...(end + Self.electionSeenLateNanoseconds)).contains($0.at)
        }
    }

    /// A second attempt is right only if the first was not known to have worked.
    private func causeOfResend(
        _ delivery: Record.Delivery, _ before: Record.Delivery
    ) -> DuplicateCause {
        let pair = [delivery, before].map { self.record.attempts[Int($0.identity)] }
        let earlier = pair[0].number < pair[1].number ? pair[0] : pair[1]
        return earlier.outcome == .acknowledged ? .unexplained : .resent
    }

    private func handOver(
        from before: Record.Delivery, to delivery: Record.Delivery
    ) -> DuplicateCause? {
        guard before.consumer != delivery.consumer || before.session != delivery.session else {
            return nil
        }
        let window = (before.at - Self.handOverNanoseconds)...delivery.at
        let changes = self.record.groupChanges.filter {
            $0.group == delivery.group && window.contains($0.at)
        }
        if changes.isEmpty { return nil }
        let hasLeft = changes.contains { $0.isDeparture && $0.consumer == before.consumer }
        return hasLeft ? .consumerLeft : .rebalanced
    }

    private mutating func foundUnexplained(
        _ delivery: Record.Delivery, after before: Record.Delivery
    ) {
        let group = self.record.groups[delivery.group]
        let what = self.tell.text(delivery.identity)
        self.found(.duplicatedUnexplained, "\(what) reached \(group) again without a cause") {
            tell in
            [before, delivery].map {
                "\(tell.time($0.at)) consumer \(tell.record.consumers[$0.consumer]) gets "
                    + "\(tell.text($0.identity)) at \(tell.text($0.place))"
            }
        }
    }
}
