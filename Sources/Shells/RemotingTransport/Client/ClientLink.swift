import NIOCore
import RemotingProtocol
import Synchronization

/// The one connection of a client to one address, from the first call on until it closes.
///
/// Calls gather in the inbox, from any thread; the link's loop hands them to the connection, and
/// from then on they are pending and count as sent. A link never connects twice: when it has ended
/// the next call makes a new one.
final class ClientLink: RemotingServerDelegate {
    /// How late a timeout may be noticed.
    private static let sweepPause = TimeAmount.milliseconds(10)

    private struct LoopState {
        var connection: RemotingConnection?
        var pending = PendingTable()
        var sweep: Scheduled<Void>?
        /// When the sweep is due; far away while there is none.
        var sweepDue = NIODeadline.distantFuture
        var hasEnded = false
    }

    let address: String
    let eventLoop: any EventLoop
    private let bytesMax: Int
    private let inFlight: InFlightCount
    private let owner: any ClientLinkOwner
    private let inbox = Mutex(CallInbox())
    private let state: NIOLoopBoundBox<LoopState>

    init(
        to address: String, on eventLoop: any EventLoop, bytesMax: Int, inFlight: InFlightCount,
        owner: any ClientLinkOwner
    ) {
        self.address = address
        self.eventLoop = eventLoop
        self.bytesMax = bytesMax
        self.inFlight = inFlight
        self.owner = owner
        self.state = .makeBoxSendingValue(LoopState(), eventLoop: eventLoop)
    }

    /// Takes a call over unless the link is full or has ended. From any thread.
    func add(_ call: OutgoingCall) -> CallInbox.Admission {
        if self.eventLoop.inEventLoop, let connection = self.writableConnection {
            self.handOver(call, to: connection)
            self.sweep(by: call.time.deadline)
            return .gathered
        }
        let admission = self.inbox.withLock { $0.add(call, bytesMax: self.bytesMax) }
        if case .drainWanted = admission { self.eventLoop.execute { self.drain() } }
        return admission
    }

    /// Ends a call whose caller has lost interest. From any thread.
    func cancel(_ opaque: Int32) {
        self.eventLoop.execute {
            if let call = self.state.value.pending.take(opaque) {
                let error = RemotingError.cancelled(address: self.address, requestWasSent: true)
                self.complete(call, .failure(error))
            }
            for call in self.inbox.withLock({ $0.take { $0.opaque == opaque } }) {
                self.fail(call, .cancelled(address: self.address, requestWasSent: false))
            }
        }
    }

    /// Completes when the link has ended and its calls have failed. From any thread.
    func close(unsent error: RemotingError) -> EventLoopFuture<Void> {
        self.eventLoop.flatSubmit {
            guard let connection = self.state.value.connection else {
                self.end(sent: error, unsent: error)
                return self.eventLoop.makeSucceededVoidFuture()
            }
            connection.close()
            return connection.closed
        }
    }
}

// MARK: - What the connection reports

extension ClientLink {
    func opened(_ connection: RemotingConnection) {
        guard !self.state.value.hasEnded else { return connection.close() }
        self.state.value.connection = connection
        self.drain()
    }

    func received(_ commands: [ReceivedCommand], from connection: RemotingConnection) {
        self.inbox.withLock { $0.isDrainExpected = true }
        for command in commands {
            if !command.isResponse {
                self.owner.received(command, from: connection)
            } else if let call = self.state.value.pending.take(command.opaque) {
                self.complete(call, .success(command))
            }
        }
        self.drain()
    }

    func becameWritable(_ connection: RemotingConnection) {
        self.drain()
    }

    func closed(_ connection: RemotingConnection) {
        let unsent = RemotingError.connectionClosed(address: self.address, requestWasSent: false)
        if case .badFrame(let reason) = connection.closeReason {
            self.end(sent: .badFrame(address: self.address, reason: reason), unsent: unsent)
        } else {
            self.end(
                sent: .connectionClosed(address: self.address, requestWasSent: true),
                unsent: unsent)
        }
    }

    func connectFailed(_ reason: String) {
        let error = RemotingError.connectFailed(address: self.address, reason: reason)
        self.end(sent: error, unsent: error)
    }

    private func end(sent: RemotingError, unsent: RemotingError) {
        guard !self.state.value.hasEnded else { return }
        let wasOpen = self.state.value.connection != nil
        self.state.value.hasEnded = true
        self.state.value.connection = nil
        self.state.value.sweep?.cancel()
        self.state.value.sweep = nil
        // First out of the owner's table, so that a caller who finds the inbox closed also finds
        // the link replaced.
        self.owner.ended(self)
        for call in self.state.withValue({ $0.pending.takeAll() }) {
            self.complete(call, .failure(sent))
        }
        for call in self.inbox.withLock({ $0.close() }) { self.fail(call, unsent) }
        if wasOpen { self.owner.closed(self.address) }
    }
}

// MARK: - Handing calls over

extension ClientLink {
    private func drain() {
        guard let connection = self.writableConnection else {
            return self.sweep(by: .now() + Self.sweepPause)
        }
        let calls = self.inbox.withLock { $0.takeAll() }
        guard !calls.isEmpty else { return }
        let now = NIODeadline.now()
        var earliest = NIODeadline.distantFuture
        connection.gatheringWrites {
            for call in calls where !self.failIfExpired(call, at: now) {
                earliest = min(earliest, call.time.deadline)
                self.handOver(call, to: connection)
            }
        }
        self.sweep(by: earliest)
    }

    private var writableConnection: RemotingConnection? {
        self.state.value.connection.flatMap { $0.isWritable ? $0 : nil }
    }

    private func handOver(_ call: OutgoingCall, to connection: RemotingConnection) {
        guard connection.take(call.bytes) else {
            // It has broken already, and we shall hear of it in a moment.
            let address = self.address
            return self.fail(call, .connectionClosed(address: address, requestWasSent: false))
        }
        switch call.kind {
        case .call(let completion):
            let pending = PendingCall(time: call.time, completion: completion)
            self.state.value.pending.add(pending, opaque: call.opaque)
        case .oneWay(let completion):
            self.inFlight.leave()
            completion(.success(()))
        }
    }

    private func complete(
        _ call: PendingCall, _ outcome: Result<ReceivedCommand, RemotingError>
    ) {
        self.inFlight.leave()
        call.completion(outcome)
    }

    private func fail(_ call: OutgoingCall, _ error: RemotingError) {
        self.inFlight.leave()
        call.kind.fail(error)
    }
}

// MARK: - Timeouts

extension ClientLink {
    /// Sees to it that a sweep happens at `due` or a little later.
    private func sweep(by due: NIODeadline) {
        guard due < self.state.value.sweepDue - Self.sweepPause, !self.state.value.hasEnded else {
            return
        }
        self.state.value.sweep?.cancel()
        self.state.value.sweepDue = due
        self.state.value.sweep = self.eventLoop.scheduleTask(deadline: due) { self.sweepNow() }
    }

    private func sweepNow() {
        self.state.value.sweep = nil
        self.state.value.sweepDue = .distantFuture
        let now = NIODeadline.now()
        for call in self.state.withValue({ $0.pending.takeExpired(at: now) }) {
            self.complete(call, .failure(self.timedOut(call.time, wasSent: true)))
        }
        for call in self.inbox.withLock({ $0.take { $0.time.deadline <= now } }) {
            _ = self.failIfExpired(call, at: now)
        }
        let next = now + Self.sweepPause
        if self.writableConnection == nil {
            self.sweep(by: next)  // calls gather in the inbox and nobody is told
        } else if let earliest = self.state.value.pending.earliestDeadline() {
            self.sweep(by: max(earliest, next))
        }
    }

    private func failIfExpired(_ call: OutgoingCall, at now: NIODeadline) -> Bool {
        guard call.time.deadline <= now else { return false }
        self.fail(call, self.timedOut(call.time, wasSent: false))
        return true
    }

    private func timedOut(_ time: CallTime, wasSent: Bool) -> RemotingError {
        .timedOut(address: self.address, after: time.limit, requestWasSent: wasSent)
    }
}
