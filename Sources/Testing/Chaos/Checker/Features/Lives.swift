internal import MessageFormat

/// What became of each message of a feature's workload, from its send to its last delivery.
struct Lives: Sendable {
    struct Life: Sendable {
        var id: ValueID
        var topic = ""
        var sentAt: Int64?
        var answeredAt: Int64?
        var outcome: SendOutcome?
        var wish: Wish?
        var steps: [Step] = []
        var askedAt: [Int64] = []
        var graves: [Grave] = []
        var replayedAt: Int64?

        var isAcknowledged: Bool { self.outcome == .acknowledged }
        var deliveries: [Step] { self.steps.filter(\.isDelivery) }
        var treatments: [Step] { self.steps.filter { !$0.isDelivery } }
        var isDone: Bool { self.steps.contains { $0.treatment == .done } }
        /// Nobody can say that it was not.
        var mayBeDone: Bool { self.isDone || self.steps.contains { $0.treatment == .uncertain } }
        var failures: Int { self.steps.count { $0.isFailure } }

        var gravePlaces: Int { Set(self.graves.map(\.position)).count }

        /// Where it was found. What comes again lies elsewhere, and says so.
        var places: Set<QueuePosition> {
            Set(self.deliveries.filter { $0.times == 0 }.map(\.position))
        }
    }

    struct Step: Sendable {
        var at: Int64
        var member: Member
        var position: QueuePosition
        /// Of a delivery: how often brokers say that it has come again.
        var times: Int32 = 0
        /// Nil: it is a delivery.
        var treatment: Treatment?

        var isDelivery: Bool { self.treatment == nil }

        var isFailure: Bool {
            if case .failed? = self.treatment { true } else { false }
        }
    }

    struct Grave: Sendable {
        var at: Int64
        var position: QueuePosition
        var reason: String
    }

    let feature: Feature
    private let prefix: String
    private var table: [ValueID: Life] = [:]

    init(of feature: Feature, run: String) {
        self.feature = feature
        self.prefix = "\(run)-"
    }

    /// In the order of their senders and numbers, the steps of each in the order of time.
    var all: [Life] {
        self.table.values
            .sorted { ($0.id.client, $0.id.sequence) < ($1.id.client, $1.id.sequence) }
            .map { life in
                var life = life
                // Steps of one member come in its own order, even within a nanosecond.
                life.steps = life.steps.enumerated()
                    .sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
                    .map(\.element)
                return life
            }
    }

    mutating func observe(_ event: HistoryEvent) {
        let at = event.at.nanoseconds
        switch event.kind {
        case .sendStarted(let id, let topic):
            self.change(id) { life in
                life.sentAt = at
                life.topic = topic
            }
        case .sendEnded(let id, let outcome, _, _, _):
            self.change(id) { life in
                life.answeredAt = at
                life.outcome = outcome
            }
        case .wished(let id, let wish): self.change(id) { $0.wish = wish }
        case .received(let reception):
            guard case .value(let id) = reception.content else { return }
            let step = Step(
                at: at, member: reception.member, position: reception.position,
                times: reception.reconsumeTimes)
            self.change(id) { $0.steps.append(step) }
        case .treated(let id, let member, let position, let treatment):
            let step = Step(at: at, member: member, position: position, treatment: treatment)
            self.change(id) { $0.steps.append(step) }
        case .asked(let id): self.change(id) { $0.askedAt.append(at) }
        case .buried(let id, let position, let reason):
            self.change(id) {
                $0.graves.append(Grave(at: at, position: position, reason: reason))
            }
        case .replayed(let id): self.change(id) { $0.replayedAt = $0.replayedAt ?? at }
        default: break
        }
    }

    private mutating func change(_ id: ValueID, _ change: (inout Life) -> Void) {
        guard id.client.hasPrefix(self.prefix) else { return }
        change(&self.table[id, default: Life(id: id)])
    }
}
