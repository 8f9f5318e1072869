import NIOCore
import Synchronization

/// How many messages, and how many bytes of them, a producer may have under way.
///
/// Who comes when it is full waits in line. The line moves only when an eighth of the window is
/// free: waking a task for each message would cost more than the message.
final class InFlightWindow: Sendable {
    typealias Entry = Result<Void, ApusClientError>

    private struct Waiter {
        let id: UInt64
        let bytes: Int
        let continuation: CheckedContinuation<Entry, Never>
    }

    private struct State {
        var count = 0
        var bytes = 0
        var waiters = CircularBuffer<Waiter>()
        var idle: [CheckedContinuation<Void, Never>] = []
        var isClosed = false
    }

    private let countMax: Int
    private let bytesMax: Int
    private let state = Mutex(State())
    private let lastID = Atomic<UInt64>(0)

    init(countMax: Int, bytesMax: Int) {
        self.countMax = max(countMax, 1)
        self.bytesMax = max(bytesMax, 1)
    }

    private static let closed = ApusClientError(.closed, "the producer is closed")

    /// Returns when there is room, and takes it.
    nonisolated(nonsending) func enter(bytes: Int) async throws(ApusClientError) {
        let entered: Entry? = self.state.withLock { state in
            if state.isClosed { return .failure(Self.closed) }
            guard state.waiters.isEmpty, self.hasRoom(state) else { return nil }
            state.count += 1
            state.bytes += bytes
            return .success(())
        }
        if let entered { return try entered.get() }
        try await self.waitInLine(bytes: bytes).get()
    }

    private nonisolated(nonsending) func waitInLine(bytes: Int) async -> Entry {
        let id = self.lastID.wrappingAdd(1, ordering: .relaxed).newValue
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let outcome: Entry? = self.state.withLock { state in
                    if state.isClosed { return .failure(Self.closed) }
                    if Task.isCancelled { return .failure(Self.cancelled) }
                    state.waiters.append(
                        Waiter(id: id, bytes: bytes, continuation: continuation))
                    return nil
                }
                if let outcome { continuation.resume(returning: outcome) }
                // Room may have come up since it was looked for.
                self.admit()
            }
        } onCancel: {
            self.cancel(id)
        }
    }

    private static let cancelled = ApusClientError(
        .cancelled, "cancelled while waiting for room in the producer's window")

    private func cancel(_ id: UInt64) {
        let waiter = self.state.withLock { state -> Waiter? in
            let index = state.waiters.firstIndex { $0.id == id }
            return index.map { state.waiters.remove(at: $0) }
        }
        waiter?.continuation.resume(returning: .failure(Self.cancelled))
    }

    /// Messages are through, one way or the other.
    func leave(count: Int, bytes: Int) {
        self.state.withLock {
            $0.count -= count
            $0.bytes -= bytes
        }
        self.admit()
    }

    private func admit() {
        let admitted = self.state.withLock { state -> [Waiter] in
            guard state.count <= self.countMax - max(1, self.countMax / 8) else { return [] }
            var admitted: [Waiter] = []
            while !state.waiters.isEmpty, self.hasRoom(state) {
                let waiter = state.waiters.removeFirst()
                state.count += 1
                state.bytes += waiter.bytes
                admitted.append(waiter)
            }
            return admitted
        }
        for waiter in admitted { waiter.continuation.resume(returning: .success(())) }
        self.tellIdle()
    }

    private func tellIdle() {
        let idle = self.state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard state.count == 0 else { return [] }
            let idle = state.idle
            state.idle = []
            return idle
        }
        for waiter in idle { waiter.resume() }
    }

    /// A message larger than the whole window passes alone.
    private func hasRoom(_ state: State) -> Bool {
        state.count == 0 || (state.count < self.countMax && state.bytes < self.bytesMax)
    }

    /// Nobody enters any more; who waits in line is sent away.
    func close() {
        let waiters = self.state.withLock { state in
            state.isClosed = true
            let waiters = state.waiters
            state.waiters.removeAll()
            return waiters
        }
        for waiter in waiters { waiter.continuation.resume(returning: .failure(Self.closed)) }
    }

    /// Returns when nothing is under way.
    func untilIdle() async {
        await withCheckedContinuation { continuation in
            let isIdle = self.state.withLock { state in
                if state.count > 0 { state.idle.append(continuation) }
                return state.count == 0
            }
            if isIdle { continuation.resume() }
        }
    }
}
