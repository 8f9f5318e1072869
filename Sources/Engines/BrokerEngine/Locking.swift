import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

// LOCK_BATCH_MQ: who consumes a queue in order. Grants are in the log before they are answered, so
// that the next master keeps others waiting (decision 10).
extension BrokerEngine {
    /// How long a new master lets the owners that it finds in the log be: the 30 s for which they
    /// may rely on their last renewal, and what a master that was cut off may still have answered.
    static let inheritedLockTime = Duration.seconds(35)

    mutating func lockQueues(_ command: ReceivedCommand, from caller: Caller) throws {
        let body = try LockBatchBody(bodyOf: command)
        try Self.check(body)
        // A master that nobody follows may be none any more: it does not renew either.
        try self.checkReplicas()
        let held = self.locks.lock(
            group: body.group, clientID: body.clientID,
            connection: ConnectionKey(caller.connection.value), queues: body.queues,
            at: self.now.tick)
        self.logLocks()
        let answer = LockBatchResult(queues: held).encoded
        guard self.locksEnd > self.progress.confirmed, !caller.isOneWay else {
            return self.succeed(caller, body: answer)
        }
        self.answers.append(
            PendingAnswer(
                end: self.locksEnd, since: self.now.tick, caller: caller,
                answer: .command(.response(.success, to: caller.opaque, body: answer))))
    }

    /// Names go into the log: they are as long as names may be.
    private static func check(_ body: LockBatchBody) throws {
        let names =
            [body.clientID, body.group] + body.queues.flatMap { [$0.topic, $0.brokerName] }
        guard names.allSatisfy({ $0.utf8.count <= 255 }), !body.clientID.isEmpty else {
            throw Refusal(
                .invalidParameter, "a name in a lock request is empty or longer than 255 bytes")
        }
    }

    mutating func unlockQueues(_ command: ReceivedCommand, from caller: Caller) throws {
        let body = try LockBatchBody(bodyOf: command)
        self.locks.unlock(group: body.group, clientID: body.clientID, queues: body.queues)
        self.logLocks()
        self.succeed(caller)
    }

    /// Puts into the log which queues changed hands.
    mutating func logLocks() {
        let changes = self.locks.takeChanges()
        guard !changes.isEmpty, self.mayServe else { return }
        for record in LockOwners.records(of: changes) { self.locksEnd = self.append(record) }
        for change in changes { self.delivery.lockOwners.note(change) }
    }

    /// This broker is the master now, or alone: owners re-lock at once, others wait until nobody
    /// relies on the old locks any more.
    mutating func inheritLocks() {
        let consumers = self.consumers
        self.locks.inherit(
            self.delivery.lockOwners.all, for: Self.inheritedLockTime, at: self.now.tick
        ) { owner in
            consumers.group(owner.group)?.members.sorted
                .last { $0.clientID == owner.clientID }?.connection
        }
    }
}
