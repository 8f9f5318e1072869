import ClientCore
import MessageFormat
import Testing

/// Method: a producer, a disk and a cluster that comes and goes, from a seed. The process dies at
/// any moment; bytes that were not flushed are torn off anywhere. What was accepted must reach the
/// cluster; first arrivals keep the order of the calls per topic.
@Suite("The spool through crashes")
struct SpoolCrashTests {
    @Test("accepted messages arrive, in order, whatever dies", arguments: 1...30)
    func crashes(seed: UInt64) throws {
        var world = World(seed: seed)
        for _ in 0..<2_000 { world.step() }
        world.isUp = true
        world.chaos = false
        for _ in 0..<3_000 { world.step() }
        #expect(world.problems == [], "seed \(seed)")
        #expect(world.crashes > 3 && world.spooled > 20, "seed \(seed)")
        for (topic, accepted) in world.accepted {
            let lost = accepted.filter { !(world.arrived[topic] ?? []).contains($0) }
            #expect(lost == [], "seed \(seed)")
        }
        #expect(world.planner.figures.messages == 0)
        #expect(world.files.count <= 1)
    }

    struct World {
        var random: SplitMix
        var now = Tick.zero
        var planner = SpoolPlanner(World.settings, at: .zero)
        var isUp = true
        var chaos = true
        var crashes = 0
        var spooled = 0
        var lastNumber = 0
        /// Files, and how much of each is flushed.
        var files: [UInt64: [UInt8]] = [:]
        var flushed: [UInt64: Int] = [:]
        var pendingWrites: [(write: UInt64, segment: UInt64, end: Int)] = []
        var sending: [(SpoolPlanner.Admission, number: Int, isDirect: Bool)] = []
        var numbers: [SpoolPlanner.Admission: Int] = [:]
        /// What the user was told is safe, and what the cluster has, by topic.
        var accepted: [String: [Int]] = [:]
        var arrived: [String: [Int]] = [:]
        /// The last one that reached the cluster past the spool.
        var lastDirect: [String: Int] = [:]
        var problems: [String] = []

        static var settings: SpoolPlanner.Settings {
            var settings = SpoolPlanner.Settings()
            settings.segmentBytes = 600
            settings.marksMax = 4
            return settings
        }

        init(seed: UInt64) { self.random = SplitMix(state: seed) }

        mutating func step() {
            self.now = self.now + .milliseconds(50)
            switch Int.random(in: 0..<10, using: &self.random) {
            case 0..<3 where self.chaos: self.user()
            case 3..<5: self.finishWrite()
            case 5..<8: self.finishSend()
            case 8 where self.chaos && Int.random(in: 0..<8, using: &self.random) == 0:
                self.isUp.toggle()
            case 9 where self.chaos && Int.random(in: 0..<12, using: &self.random) == 0:
                self.crash()
            default: self.perform(self.planner.advance(to: self.now))
            }
            self.planner.checkInvariants()
        }

        /// A user that waits for each of its calls before the next one of the same topic.
        private mutating func user() {
            let topic = ["T", "U"].randomElement(using: &self.random)!
            guard !self.numbers.keys.contains(where: { $0.topic == topic }) else { return }
            self.lastNumber += 1
            let (admission, isDirect) = self.planner.admit(topic: topic, at: self.now)
            self.numbers[admission] = self.lastNumber
            if isDirect {
                self.sending.append((admission, self.lastNumber, true))
            } else {
                self.spool(admission)
            }
        }

        private mutating func spool(_ admission: SpoolPlanner.Admission) {
            self.spooled += 1
            let number = self.numbers[admission] ?? 0
            let message = SpoolRecordTests.message(
                admission.sequence, topic: admission.topic, body: Array("\(number)".utf8))
            self.perform(self.planner.spool(message, at: self.now))
        }

        private mutating func finishWrite() {
            guard !self.pendingWrites.isEmpty else { return }
            let (write, segment, end) = self.pendingWrites.removeFirst()
            self.flushed[segment] = end
            self.perform(self.planner.written(write, at: self.now))
        }

        private mutating func finishSend() {
            guard !self.sending.isEmpty else { return }
            let index = Int.random(in: 0..<self.sending.count, using: &self.random)
            let (admission, number, isDirect) = self.sending.remove(at: index)
            // The answer may be lost although the message arrived.
            let isAnswered = Int.random(in: 0..<4, using: &self.random) > 0
            if self.isUp { self.arrive(number, admission.topic, isDirect: isDirect) }
            let outcome: AttemptOutcome =
                self.isUp && isAnswered ? .acknowledged : .unknown(SpoolPlannerTests.failure)
            if !isDirect {
                self.perform(self.planner.drained(admission, outcome, at: self.now))
            } else if outcome == .acknowledged {
                self.accept(admission)
                self.perform(self.planner.directEnded(admission, at: self.now))
            } else {
                self.spool(admission)
            }
        }

        private mutating func arrive(_ number: Int, _ topic: String, isDirect: Bool) {
            if isDirect { self.lastDirect[topic] = number }
            let known = self.arrived[topic] ?? []
            if known.contains(number) {
                // What went past the spool came after all that was in it.
                if number < self.lastDirect[topic] ?? 0 {
                    self.problems.append("\(number) again, after \(self.lastDirect[topic] ?? 0)")
                }
                return
            }
            // First arrivals rise. A message without an acknowledgement promises nothing.
            if let last = known.last, last > number, self.accepted[topic]?.contains(number) == true
            {
                self.problems.append("\(number) after \(last)")
            }
            self.arrived[topic, default: []].append(number)
        }

        private mutating func accept(_ admission: SpoolPlanner.Admission) {
            guard let number = self.numbers.removeValue(forKey: admission) else { return }
            self.accepted[admission.topic, default: []].append(number)
        }

        private mutating func perform(_ effects: [SpoolPlanner.Effect]) {
            for effect in effects {
                switch effect {
                case .append(let write, let segment, let position, let bytes):
                    if self.files[segment, default: []].count != position {
                        self.problems.append("written at \(position)")
                    }
                    self.files[segment, default: []] += bytes
                    self.pendingWrites.append((write, segment, position + bytes.count))
                case .accepted(let admission): self.accept(admission)
                case .send(let admission, let place): self.send(admission, place)
                case .remove(let segment):
                    self.files[segment] = nil
                    self.flushed[segment] = nil
                case .refused, .setAside, .quarantine: self.problems.append("\(effect)")
                }
            }
        }

        private mutating func send(_ admission: SpoolPlanner.Admission, _ place: SpoolPlace) {
            let bytes = self.files[place.segment] ?? []
            let read = bytes.withUnsafeBytes {
                try? SpoolRecord.read($0, at: place.position, segment: place.segment)
            }
            guard case .message(let message)? = read?.record else {
                return self.problems.append("nothing to read at \(place)")
            }
            let number = Int(String(decoding: message.body, as: UTF8.self)) ?? 0
            if self.sending.contains(where: { $0.0.topic == admission.topic }) {
                self.problems.append("two at a time")
            }
            self.sending.append((admission, number, false))
        }

        private mutating func crash() {
            self.crashes += 1
            self.pendingWrites = []
            self.sending = []
            self.numbers = [:]
            for segment in self.files.keys.sorted() {
                let whole = self.files[segment]!.count
                let kept = Int.random(in: (self.flushed[segment] ?? 0)...whole, using: &self.random)
                self.files[segment] = kept == 0 ? nil : Array(self.files[segment]![..<kept])
                self.flushed[segment] = kept
            }
            let images = self.files.map { SpoolRecordTests.image($0.value, segment: $0.key) }
            self.planner = SpoolPlanner(Self.settings, images: images, at: self.now)
        }
    }
}
