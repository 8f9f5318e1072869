import Chaos
import MessageFormat
import RemotingProtocol

/// What a generator sends, and what becomes of it: the load without its sockets.
///
/// Each place has at most one send in flight. When that has ended the next one follows, at once,
/// when it is due, or after a pause, until the time is over. Inputs: links, answers and time.
/// Output: effects, in order, and what is added to the totals.
struct SendFlow {
    struct Plan: Sendable {
        /// Of each message.
        var bodyBytes: Int
        /// Places.
        var inFlight: Int
        /// Messages a second; nil: each answer brings the next send.
        var rate: Double?
        var beginAt: Tick
        var endAt: Tick
        var timeout: Duration
        /// Which target comes first.
        var turn: Int
    }

    enum Effect: Hashable {
        case connect(link: Int)
        case transmit(number: Int32, target: Int)
        /// The place is to be told when `pause` is over.
        case rest(place: Int)
        /// Nothing is in flight, and nothing will be.
        case finish
    }

    /// A server that fails at once would otherwise be asked without end in the same breath.
    static let pause = Duration.milliseconds(20)

    /// Addresses: one for each link.
    let links: [String]
    /// To be carried out and forgotten after each input.
    private(set) var effects: [Effect] = []

    private let plan: Plan
    private let linkOfTarget: [Int]
    private let totals: BenchTotals
    private var states: [LinkState]
    private var places: [Place]
    private var turn: Int
    /// Places that wait for their next send to be due.
    private var idle: [Int] = []
    /// Sends that were due until now.
    private var due = 0
    /// Places that are not at their end.
    private var open: Int
    private var hasBegun = false

    private enum LinkState { case connecting, open, closed }

    /// - Parameter targets: the address of each, several of which may be the same.
    init(_ plan: Plan, to targets: [String], _ totals: BenchTotals) {
        let links = Set(targets).sorted()
        self.plan = plan
        self.links = links
        self.linkOfTarget = targets.compactMap { links.firstIndex(of: $0) }
        self.totals = totals
        self.states = links.map { _ in .closed }
        self.places = (0..<plan.inFlight).map { Place($0) }
        self.turn = plan.turn
        self.open = plan.inFlight
    }

    mutating func forgetEffects() { self.effects.removeAll(keepingCapacity: true) }
}

// Links.
extension SendFlow {
    /// Opens what is closed. The first sends leave when each link is open, or cannot be.
    mutating func connect() {
        for link in self.links.indices where self.states[link] == .closed {
            self.states[link] = .connecting
            self.effects.append(.connect(link: link))
        }
    }

    mutating func connected(_ link: Int, at now: Tick) {
        self.states[link] = .open
        self.beginOnce(at: now)
    }

    /// It could not be opened, or is no more.
    mutating func lost(_ link: Int, at now: Tick) {
        self.states[link] = .closed
        self.beginOnce(at: now)
        for place in self.places.indices where self.places[place].isWaiting(for: link) {
            self.fail(place, "the connection to \(self.links[link]) closed")
        }
    }

    private mutating func beginOnce(at now: Tick) {
        guard !self.hasBegun, !self.states.contains(.connecting) else { return }
        self.hasBegun = true
        for place in self.places.indices { self.goOn(place, at: now) }
    }
}

// Sending.
extension SendFlow {
    mutating func hasRested(_ place: Int, at now: Tick) {
        self.connect()
        self.goOn(place, at: now)
    }

    private mutating func goOn(_ place: Int, at now: Tick) {
        if now >= self.plan.endAt {
            self.retire(1)
        } else if self.plan.rate == nil {
            self.send(place, at: now)
        } else {
            self.idle.append(place)
        }
    }

    private mutating func retire(_ places: Int) {
        guard places > 0 else { return }
        self.open -= places
        if self.open == 0 { self.effects.append(.finish) }
    }

    /// What cannot be sent in time, as too many sends have no answer, is not sent later either.
    mutating func sendDue(at now: Tick) {
        guard let rate = self.plan.rate, self.hasBegun else { return }
        guard now < self.plan.endAt else {
            return self.retire(exchange(&self.idle, with: []).count)
        }
        let due = Int(Double(now.since(self.plan.beginAt)) / 1e9 * rate)
        for _ in 0..<min(due - self.due, self.idle.count) {
            self.send(self.idle.removeLast(), at: now)
        }
        self.due = due
    }

    private mutating func send(_ place: Int, at now: Tick) {
        self.turn += 1
        let target = self.turn % self.linkOfTarget.count
        let link = self.linkOfTarget[target]
        guard self.states[link] == .open else {
            return self.fail(place, "no connection to \(self.links[link])")
        }
        let number = self.places[place].begin(at: now, over: link, of: self.places.count)
        self.effects.append(.transmit(number: number, target: target))
    }

    private mutating func fail(_ place: Int, _ problem: String) {
        self.places[place].end()
        self.totals.failed(problem)
        self.effects.append(.rest(place: place))
    }

    mutating func giveUpOverdue(at now: Tick) {
        for place in self.places.indices {
            guard let since = self.places[place].since, since + self.plan.timeout < now else {
                continue
            }
            self.fail(place, "no answer within \(self.plan.timeout)")
        }
    }
}

// Answers.
extension SendFlow {
    /// An answer to a send that was given up is nobody's.
    mutating func answered(
        _ number: Int32, _ code: ResponseCode, _ text: @autoclosure () -> String, at now: Tick
    ) {
        let place = (Int(number) - Int(SendFrame.opaques.lowerBound)) % self.places.count
        guard self.places.indices.contains(place), self.places[place].number == number,
            let since = self.places[place].since
        else { return }
        let nanoseconds = now.since(since)
        switch code {
        case .success:
            self.places[place].end()
            self.totals.succeeded(bytes: self.plan.bodyBytes, nanoseconds: nanoseconds)
            self.goOn(place, at: now)
        case .systemBusy:
            self.places[place].end()
            self.totals.refused(text(), nanoseconds: nanoseconds)
            if self.plan.rate == nil {
                self.effects.append(.rest(place: place))
            } else {
                self.goOn(place, at: now)
            }
        default: self.fail(place, text())
        }
    }
}

/// Where one send is in flight, or none.
private struct Place {
    /// Of the latest send; those of different places never meet.
    private(set) var number: Int32
    /// Nil: none is in flight.
    private(set) var since: Tick?
    private var link = 0

    init(_ place: Int) { self.number = SendFrame.opaques.lowerBound + Int32(place) }

    func isWaiting(for link: Int) -> Bool { self.since != nil && self.link == link }

    mutating func begin(at now: Tick, over link: Int, of places: Int) -> Int32 {
        let first = SendFrame.opaques.lowerBound
        let next = self.number + Int32(places)
        self.number =
            SendFrame.opaques.contains(next) ? next : first + (self.number - first) % Int32(places)
        self.since = now
        self.link = link
        return self.number
    }

    mutating func end() { self.since = nil }
}
