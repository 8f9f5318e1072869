import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

// Long polling: a pull that found nothing waits in `holds` until something is there for it.
extension BrokerEngine {
    /// Returns false when too many pulls are held already.
    mutating func hold(_ job: PullJob, until deadline: Tick) -> Bool {
        self.holds.hold(
            connection: ConnectionKey(job.caller.connection.value), opaque: job.caller.opaque,
            queue: job.queueKey, offset: job.offset, tagHashes: job.filter.tagHashes,
            deadline: deadline, held: job,
            bytes: Self.heldBytes(job.filter, isCompiled: job.expression != nil)) != nil
    }

    /// What a waiting request's filter takes; a compiled expression some times its text.
    static func heldBytes(_ filter: Subscription, isCompiled: Bool) -> Int {
        filter.textBytes + (isCompiled ? 8 * filter.expression.utf8.count : 0)
    }

    /// Messages have become visible in these queues.
    mutating func wakeHolds(_ grown: [QueueNumber: Int]) {
        guard self.holds.count > 0 else { return }
        for (number, count) in grown.sorted(by: { $0.key.index < $1.key.index }) {
            let queue = self.queues[number]
            guard self.holds.isWaiting(on: queue.key) else { continue }
            let hashes = queue.latestTagHashes(count)
            let woken = self.holds.wake(
                queue.key, newMax: queue.visibleEnd, tagHashes: hashes)
            for pull in woken {
                var job = pull.held
                job.isWoken = true
                self.run(job)
            }
        }
    }

    mutating func expireHolds() {
        for pull in self.holds.expire(at: self.now.tick) {
            var job = pull.held
            job.holdUntil = nil
            self.run(job)
        }
    }

    /// The topic changed or is gone: who waits for it is answered as it is now.
    mutating func wakeAllHolds(of topic: String) {
        for queue in self.queues.all where queue.key.topic == topic {
            for pull in self.holds.wakeAll(queue.key) {
                self.answerPull(pull.held, .pullNotFound, next: pull.held.offset)
            }
        }
    }
}

extension ConsumeQueue {
    /// Tag hashes of the last `count` visible messages, in order.
    func latestTagHashes(_ count: Int) -> [Int32] {
        var hashes: [Int32] = []
        for run in self.memory.reversed() where hashes.count < count {
            hashes = run.entries.suffix(count - hashes.count).map(\.tagHash) + hashes
        }
        return hashes
    }
}
