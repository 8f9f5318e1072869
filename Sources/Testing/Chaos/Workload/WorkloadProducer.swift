internal import MessageFormat
internal import RemotingProtocol
internal import RemotingTransport

/// Sends one message after the other, each until it is acknowledged or given up.
///
/// One send at a time: so the order in which a producer's messages must lie in a queue is beyond
/// doubt. Every attempt is a value of its own.
struct WorkloadProducer {
    private static let pauseMin: Duration = .milliseconds(20)
    private static let pauseMax: Duration = .milliseconds(500)

    let name: String
    let plan: WorkloadPlan
    let access: ClusterAccess
    let routes: RouteBook
    let recorder: Recorder
    /// Nobody wants to wait for what cannot be sent any more.
    let isInterrupted: @Sendable () -> Bool
    /// Where to begin in the list of queues, so that producers spread.
    var turn: Int

    /// `next` says whether another message is wanted, and when it is due.
    mutating func run(while next: () -> Tick?) async {
        var sequence: Int64 = 0
        while !Task.isCancelled, !self.isInterrupted(), let due = next() {
            let wait = due - Recorder.now
            if wait > .zero { try? await Task.sleep(for: wait) }
            await self.send(sequence)
            sequence += 1
        }
    }

    private mutating func send(_ sequence: Int64) async {
        let giveUpAt = Recorder.now + self.plan.giveUpAfter
        var pause = Self.pauseMin
        var attempt: Int32 = 1
        while !Task.isCancelled {
            let id = ValueID(client: self.name, sequence: sequence, attempt: attempt)
            if await self.attempt(id) == .acknowledged { return }
            guard Recorder.now + pause < giveUpAt, !self.isInterrupted() else { return }
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, Self.pauseMax)
            attempt += 1
        }
    }

    private mutating func attempt(_ id: ValueID) async -> SendOutcome {
        let queues: [RoutedQueue]
        do {
            queues = try await self.routes.writable()
        } catch {
            // No send was begun: there is nothing to record but the time that passes.
            return .failed
        }
        guard let target = self.routes.begin(queues, turn: self.turn) else { return .failed }
        self.turn += 1
        let body = MessageValue(id: id, topic: self.plan.topic, size: self.plan.size).encoded
        let command = SendTemplate(producerGroup: "\(self.plan.group)-producers", keys: "\(id)")
            .command(body, to: target.queue, at: Recorder.wallNow)
        self.recorder.record(.sendStarted(id, topic: self.plan.topic))
        let report = await self.report(on: command, to: target)
        self.recorder.record(
            .sendEnded(
                id, report.outcome, status: report.status, report.position, to: target.address))
        // After a failure the next attempt goes to another broker, if there is one.
        self.routes.ended(target.address, report.outcome)
        if report.outcome != .acknowledged { self.skip(target, in: queues) }
        return report.outcome
    }

    private func report(
        on command: RemotingCommand, to target: RoutedQueue
    ) async -> SendReport {
        do {
            let answer = try await self.access.remoting.call(
                command, to: target.address, timeout: self.plan.sendTimeout)
            return SendReport(answer, to: target.queue)
        } catch {
            return SendReport(AccessError.unreachable(error))
        }
    }

    private mutating func skip(_ failed: RoutedQueue, in queues: [RoutedQueue]) {
        for _ in queues where queues[self.turn % queues.count].address == failed.address {
            self.turn += 1
        }
    }
}
