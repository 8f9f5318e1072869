// Order within a queue: of the log against the order of sending, of deliveries against the log.

extension Findings {
    /// If one send had returned before another began, it lies before it in their common queue.
    ///
    /// One sweep from each queue's end: whoever began after the earliest return among those that
    /// lie behind it is out of order.
    mutating func checkSendOrder() {
        let rows = FinalLog(self.record).rows
        var queue: Int32 = -1
        var earliest: Record.Attempt?
        for row in rows.reversed() where row.identity >= 0 {
            if row.place.queue != queue {
                queue = row.place.queue
                earliest = nil
            }
            let attempt = self.record.attempts[Int(row.identity)]
            if let sentAt = attempt.sentAt, let other = earliest, let returned = other.answeredAt,
                returned < sentAt
            {
                self.foundReordered(attempt, at: row.place, returnedBefore: other)
            }
            guard attempt.outcome == .acknowledged, let answeredAt = attempt.answeredAt,
                answeredAt < earliest?.answeredAt ?? .max
            else { continue }
            earliest = attempt
        }
    }

    private mutating func foundReordered(
        _ attempt: Record.Attempt, at place: Record.Place, returnedBefore other: Record.Attempt
    ) {
        let later = self.record.id(attempt)
        let earlier = self.record.id(other)
        self.found(.reordered, "\(later) lies before \(earlier), which was sent first") { tell in
            tell.story(of: other) + tell.story(of: attempt)
                + ["the final read finds \(later) at \(tell.text(place))"]
        }
    }

    /// While a consumer holds a queue, what is new to its group comes in the queue's order.
    mutating func checkDeliveryOrder() {
        let deliveries = self.record.deliveries
        let order = deliveries.indices.filter { !deliveries[$0].isRetry }.sorted { left, right in
            let (a, b) = (deliveries[left], deliveries[right])
            return (a.group, a.place.queue, a.at, left) < (b.group, b.place.queue, b.at, right)
        }
        var seen: Set<Int64> = []
        var last: [Int32: Record.Delivery] = [:]
        var previous: Record.Delivery?
        for index in order {
            let delivery = deliveries[index]
            if delivery.group != previous?.group || delivery.place.queue != previous?.place.queue {
                seen.removeAll(keepingCapacity: true)
                last.removeAll(keepingCapacity: true)
            }
            let isNew = seen.insert(delivery.place.offset).inserted
            if isNew, let before = last[delivery.consumer], before.session == delivery.session,
                before.place.offset > delivery.place.offset
            {
                self.foundWentBack(delivery, after: before)
            }
            last[delivery.consumer] = delivery
            previous = delivery
        }
    }

    private mutating func foundWentBack(_ delivery: Record.Delivery, after before: Record.Delivery)
    {
        let consumer = self.record.consumers[delivery.consumer]
        self.found(.reordered, "consumer \(consumer) got a queue's messages out of order") { tell in
            [before, delivery].map {
                "\(tell.time($0.at)) \(tell.text($0.identity)) at \(tell.text($0.place))"
            }
        }
    }
}
