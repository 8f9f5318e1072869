import NIOCore

/// Requests from any thread that wait for their link's loop.
struct CallInbox {
    enum Admission { case gathered, drainWanted, full, closed }

    private var calls: [OutgoingCall] = []
    private var bytes = 0
    private var isClosed = false

    /// The loop will come by itself: a task is under way, a burst is being received, or the
    /// connection is not there yet or full and will be noticed when it is.
    var isDrainExpected = false

    mutating func add(_ call: OutgoingCall, bytesMax: Int) -> Admission {
        if self.isClosed { return .closed }
        guard self.calls.isEmpty || self.bytes + call.bytes.readableBytes <= bytesMax else {
            return .full
        }
        self.calls.append(call)
        self.bytes += call.bytes.readableBytes
        if self.isDrainExpected { return .gathered }
        self.isDrainExpected = true
        return .drainWanted
    }

    /// Everything that waits; the next one to add has to see to a drain.
    mutating func takeAll() -> [OutgoingCall] {
        self.isDrainExpected = false
        self.bytes = 0
        var taken: [OutgoingCall] = []
        swap(&taken, &self.calls)
        return taken
    }

    mutating func take(where isTaken: (OutgoingCall) -> Bool) -> [OutgoingCall] {
        guard self.calls.contains(where: isTaken) else { return [] }
        let taken = self.calls.filter(isTaken)
        self.calls.removeAll(where: isTaken)
        self.bytes -= taken.reduce(0) { $0 + $1.bytes.readableBytes }
        return taken
    }

    mutating func close() -> [OutgoingCall] {
        self.isClosed = true
        return self.takeAll()
    }
}
