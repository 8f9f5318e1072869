/// What lies between two hosts, in each direction by itself.
struct NetworkPaths {
    private struct Direction: Hashable {
        let from: String
        let to: String
    }

    private var blocked: Set<Direction> = []
    private var delays: [Direction: ClosedRange<Duration>] = [:]
    private let usual: ClosedRange<Duration> = .microseconds(20)...(.microseconds(300))

    func isBlocked(from: String, to: String) -> Bool {
        !self.blocked.isEmpty && self.blocked.contains(Direction(from: from, to: to))
    }

    func latency(from: String, to: String) -> ClosedRange<Duration> {
        self.delays.isEmpty ? self.usual : self.delays[Direction(from: from, to: to)] ?? self.usual
    }

    mutating func block(from: String, to: String) {
        self.blocked.insert(Direction(from: from, to: to))
    }

    mutating func unblock(from: String, to: String) {
        self.blocked.remove(Direction(from: from, to: to))
    }

    mutating func delay(from: String, to: String, by delay: ClosedRange<Duration>?) {
        self.delays[Direction(from: from, to: to)] = delay
    }

    mutating func healAll() {
        self.blocked.removeAll()
        self.delays.removeAll()
    }
}
