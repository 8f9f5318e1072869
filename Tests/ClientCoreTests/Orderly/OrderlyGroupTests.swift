import ClientCore
import MessageFormat
import Testing

/// Method: two consumers want the same queue of one broker that keeps locks for 60 s. Answers are
/// lost and delayed, handlers hang, queues are released and assigned anew, all from a seed. A
/// batch may be handed out only by who holds the broker's lock; commits never go beyond what a
/// consumer finished; and when a consumer finishes a batch in time, all before it was finished.
@Suite("Two orderly consumers and a broker")
struct OrderlyGroupTests {
    typealias Queue = OrderlyQueue<Int64>

    @Test("order holds and nothing is skipped, whatever happens", arguments: 1...20)
    func group(seed: UInt64) {
        var world = World(random: SplitMix(state: seed))
        for _ in 0..<3_000 { world.step() }
        #expect(world.committed > 20, "seed \(seed)")
        #expect(world.problems == [], "seed \(seed)")
    }

    struct World {
        var random: SplitMix
        var now = Tick.zero
        var consumers = (0..<2).map { Queue(assignment: UInt64($0), at: .zero) }
        var lastAssignment: UInt64 = 1
        var lock: (owner: Int, since: Tick)?
        var committed: Int64 = 0
        var finished: Set<Int64> = []
        var answers: [(dueAt: Tick, consumer: Int, effect: Queue.Effect, granted: Bool?)] = []
        var working: [(dueAt: Tick, consumer: Int, batch: Queue.Batch)] = []
        var problems: [String] = []

        mutating func step() {
            self.now = self.now + .milliseconds(Int64.random(in: 1...400, using: &self.random))
            for consumer in 0..<2 {
                self.perform(self.consumers[consumer].advance(to: self.now), consumer)
                self.fill(consumer)
                self.handOut(consumer)
            }
            self.answer()
            self.work()
            if Int.random(in: 0..<300, using: &self.random) == 0 {
                let consumer = Int.random(in: 0..<2, using: &self.random)
                self.perform(self.consumers[consumer].release(at: self.now), consumer)
            }
        }

        private mutating func fill(_ consumer: Int) {
            guard self.consumers[consumer].hasRoom(at: self.now),
                self.consumers[consumer].count < 5
            else { return }
            let offset = self.consumers[consumer].pullOffset
            let ticket = self.consumers[consumer].pullTicket
            _ = self.consumers[consumer].pulled(ticket, offset.value, at: offset, bytes: 1)
        }

        private mutating func handOut(_ consumer: Int) {
            guard let batch = self.consumers[consumer].take(at: self.now) else { return }
            if self.lock?.owner != consumer { self.problems.append("handed out without the lock") }
            for offset in 0..<batch.messages[0] where !self.finished.contains(offset) {
                self.problems.append("\(batch.messages[0]) before \(offset)")
            }
            let hangs = Int.random(in: 0..<60, using: &self.random) == 0
            let time = Int64.random(in: 1...(hangs ? 80_000 : 300), using: &self.random)
            self.working.append((self.now + .milliseconds(time), consumer, batch))
        }

        private mutating func work() {
            for (dueAt, consumer, batch) in self.working where dueAt <= self.now {
                let succeeds = Int.random(in: 0..<5, using: &self.random) > 0
                let effects = self.consumers[consumer].finished(
                    batch.ticket, succeeds ? .success : .suspend(), at: self.now)
                if succeeds, !effects.contains(.stale(batch.ticket)) {
                    self.finished.formUnion(batch.messages)
                }
                self.perform(effects, consumer)
                self.consumers[consumer].checkInvariants()
                if let offset = self.consumers[consumer].commitOffset(at: self.now) {
                    self.commit(offset)
                }
            }
            let now = self.now
            self.working.removeAll { $0.dueAt <= now }
        }

        private mutating func commit(_ offset: QueueOffset) {
            for number in self.committed..<max(offset.value, self.committed)
            where !self.finished.contains(number) {
                self.problems.append("committed beyond \(number)")
            }
            if offset.value < self.committed { self.problems.append("the offset went back") }
            self.committed = offset.value
        }

        private mutating func perform(_ effects: [Queue.Effect], _ consumer: Int) {
            for effect in effects {
                switch effect {
                case .lock, .readOffset: self.ask(effect, consumer)
                case .commitLast(_, let offset):
                    self.commit(offset)
                    self.ask(effect, consumer)
                case .unlock: if self.lock?.owner == consumer { self.lock = nil }
                case .released:
                    self.lastAssignment += 1
                    self.consumers[consumer] = Queue(
                        assignment: self.lastAssignment, at: self.now)
                case .deadLetter, .lost, .stale: break
                }
            }
        }

        /// The broker handles the request now; the answer arrives later, or never.
        private mutating func ask(_ effect: Queue.Effect, _ consumer: Int) {
            var granted: Bool?
            if case .lock = effect {
                let isFree = self.lock.map { self.now >= $0.since + .seconds(60) } ?? true
                granted = isFree || self.lock?.owner == consumer
                if granted == true { self.lock = (consumer, self.now) }
            }
            let isLost = Int.random(in: 0..<4, using: &self.random) == 0
            let time = Int64.random(in: 1...(isLost ? 6_000 : 600), using: &self.random)
            self.answers.append(
                (self.now + .milliseconds(time), consumer, effect, isLost ? nil : granted))
        }

        private mutating func answer() {
            let now = self.now
            let due = self.answers.filter { $0.dueAt <= now }
            self.answers.removeAll { $0.dueAt <= now }
            for (_, consumer, effect, granted) in due {
                switch effect {
                case .lock(let ticket):
                    let answer = granted.map { $0 ? OrderLease.Answer.granted : .refused }
                    self.perform(
                        self.consumers[consumer].lockAnswered(ticket, answer ?? .failed, at: now),
                        consumer)
                case .readOffset(let ticket):
                    self.perform(
                        self.consumers[consumer].located(
                            ticket, at: QueueOffset(self.committed), now: now), consumer)
                case .commitLast(let ticket, _):
                    self.perform(self.consumers[consumer].lastCommitEnded(ticket), consumer)
                default: break
                }
            }
        }
    }
}
