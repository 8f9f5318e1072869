import LogCore
import MessageFormat
import Testing

@Suite("Overload is refused at once, and who does not cause it is spared")
struct AdmissionTests {
    /// A disk that drains at a steady pace, and what is offered to it, on a virtual clock.
    private struct Pipe {
        var admission = Admission()
        var bytesPerSecond: Int
        /// The disk takes all that has gathered with each write, so long does a write take at least.
        let flush: Duration
        var now = Tick(.seconds(1))
        var end = PhysicalOffset.zero
        var confirmed = PhysicalOffset.zero
        var writing: (end: PhysicalOffset, done: Tick)?
        var waits: [(topic: String, end: PhysicalOffset, since: Tick)] = []
        var longest: [String: Duration] = [:]
        var taken: [String: Int] = [:]
        var refused: [String: Int] = [:]

        var waiting: Int { self.end.distance(from: self.confirmed) }

        mutating func offer(
            _ bytes: Int, to topic: String, _ pressure: Pressure = .none
        ) -> Admission.Verdict {
            let isTight = self.admission.isTight(
                waiting: self.waiting, pressure, at: self.now)
            let verdict = self.admission.verdict(
                topic: topic, waiting: self.waiting, pressure, at: self.now)
            #expect(isTight || verdict == .taken)
            guard verdict == .taken else {
                self.refused[topic, default: 0] += 1
                return verdict
            }
            self.taken[topic, default: 0] += bytes
            self.end = self.end.advanced(by: bytes)
            self.waits.append((topic, self.end, self.now))
            self.admission.appended(
                bytes, of: topic, upTo: self.end, confirmed: self.confirmed, at: self.now)
            self.write()
            return verdict
        }

        mutating func pass(_ time: Duration) {
            self.now = self.now + time
            while let writing = self.writing, writing.done <= self.now {
                self.confirmed = writing.end
                self.writing = nil
                self.admission.writing(since: nil)
                self.admission.confirmed(upTo: self.confirmed, at: writing.done)
                while let first = self.waits.first, first.end <= self.confirmed {
                    let wait = writing.done - first.since
                    self.longest[first.topic] = max(self.longest[first.topic] ?? .zero, wait)
                    self.waits.removeFirst()
                }
                self.write(at: writing.done)
            }
        }

        /// Eight sends a millisecond, of so many bytes in all.
        mutating func run(_ time: Duration, offering bytes: Int) {
            for _ in 0..<Int(time / .milliseconds(1)) {
                for _ in 0..<8 { _ = self.offer(bytes / 8, to: "T") }
                self.pass(.milliseconds(1))
            }
        }

        private mutating func write(at time: Tick? = nil) {
            guard self.writing == nil, self.end > self.confirmed else { return }
            let begin = time ?? self.now
            let seconds = Double(self.waiting) / Double(self.bytesPerSecond)
            self.writing = (self.end, begin + max(self.flush, .seconds(seconds)))
            self.admission.writing(since: begin)
        }
    }

    @Test(
        "ten times what the disk takes: it takes what it can, and nobody waits long",
        arguments: [10 << 20, 20 << 20, 100 << 20])
    func tenfold(bytesPerSecond: Int) {
        var pipe = Pipe(bytesPerSecond: bytesPerSecond, flush: .milliseconds(1))
        let offered = bytesPerSecond * 10 / 1_000
        pipe.run(.seconds(10), offering: offered)  // it learns
        let (before, confirmed) = (pipe.refused["T"] ?? 0, pipe.confirmed)
        pipe.longest = [:]
        pipe.run(.seconds(10), offering: offered)
        let drained = Double(pipe.confirmed.distance(from: confirmed))
        #expect(drained >= 0.95 * 10 * Double(bytesPerSecond))
        #expect((pipe.refused["T"] ?? 0) > before)
        #expect((pipe.longest["T"] ?? .zero) <= .milliseconds(300))
    }

    @Test(
        "a disk whose every write takes long gets much with each",
        arguments: [10 << 20, 40 << 20])
    func slowFlushes(bytesPerSecond: Int) {
        var pipe = Pipe(bytesPerSecond: bytesPerSecond, flush: .milliseconds(100))
        let offered = bytesPerSecond * 10 / 1_000
        pipe.run(.seconds(10), offering: offered)
        let confirmed = pipe.confirmed
        pipe.longest = [:]
        pipe.run(.seconds(10), offering: offered)
        let drained = Double(pipe.confirmed.distance(from: confirmed))
        // A little at once, while the next batch gathers: never all that it could take.
        #expect(drained >= 0.5 * 10 * Double(bytesPerSecond))
        #expect((pipe.longest["T"] ?? .zero) <= .milliseconds(300))
    }

    @Test("a disk that was slow for a while is given as much as before soon after")
    func slowSpell() {
        var pipe = Pipe(bytesPerSecond: 40 << 20, flush: .milliseconds(100))
        let offered = 8 << 16
        pipe.run(.seconds(5), offering: offered)
        pipe.bytesPerSecond = 2 << 20
        pipe.run(.seconds(10), offering: offered)
        pipe.bytesPerSecond = 40 << 20
        pipe.run(.seconds(10), offering: offered)
        let confirmed = pipe.confirmed
        pipe.run(.seconds(10), offering: offered)
        #expect(pipe.confirmed.distance(from: confirmed) >= 200 << 20)
    }

    @Test("deep pipelines on a quick disk are never refused")
    func deepPipelines() {
        var pipe = Pipe(bytesPerSecond: 300 << 20, flush: .microseconds(500))
        for _ in 0..<100 {
            for _ in 0..<2_048 { #expect(pipe.offer(1_300, to: "T") == .taken) }
            pipe.pass(.milliseconds(15))
        }
        #expect(pipe.refused.isEmpty)
    }

    @Test("a topic that floods does not keep another one out, nor make it wait long")
    func noisyNeighbour() {
        var pipe = Pipe(bytesPerSecond: 20 << 20, flush: .milliseconds(1))
        for millisecond in 0..<20_000 {
            for _ in 0..<20 { _ = pipe.offer(10_240, to: "noisy") }
            if millisecond % 20 == 0 { #expect(pipe.offer(1_024, to: "quiet") == .taken) }
            if millisecond == 10_000 { pipe.longest = [:] }
            pipe.pass(.milliseconds(1))
        }
        #expect((pipe.refused["noisy"] ?? 0) > 0)
        #expect((pipe.longest["quiet"] ?? .zero) <= .milliseconds(210))
    }

    @Test("a disk that hangs once does not narrow the window while little was waiting")
    func hiccup() {
        var window = SendWindow()
        let before = window.bytes
        window.appended(upTo: PhysicalOffset(1_000), confirmed: .zero, at: .zero)
        window.confirmed(upTo: PhysicalOffset(1_000), at: Tick(.milliseconds(800)))
        #expect(window.bytes == before)
    }

    /// A window that hears of one measurement after the other.
    private struct Drained {
        var window = SendWindow()
        private var end = PhysicalOffset.zero

        mutating func drain(_ bytes: Int, in time: Duration) {
            let confirmed = self.end
            self.end = self.end.advanced(by: bytes)
            self.window.appended(upTo: self.end, confirmed: confirmed, at: .zero)
            self.window.confirmed(upTo: self.end, at: Tick(time))
        }
    }

    @Test("the window follows the pace down and up again")
    func pace() {
        var drained = Drained()
        drained.drain(16 << 20, in: .milliseconds(1_600))
        #expect(drained.window.bytes == 2 << 20)
        drained.drain(2 << 20, in: .milliseconds(10))
        #expect(drained.window.bytes == 4 << 20)
        drained.drain(1_000, in: .milliseconds(1))
        #expect(drained.window.bytes == 4 << 20)
        for _ in 0..<10 { drained.drain(drained.window.bytes, in: .milliseconds(20)) }
        #expect(drained.window.bytes == 32 << 20)
        drained.drain(32 << 20, in: .milliseconds(800))
        #expect(drained.window.bytes == 32 << 20)
        for _ in 0..<3 { drained.drain(32 << 20, in: .milliseconds(800)) }
        #expect(drained.window.bytes == 8 << 20)
    }

    @Test("a wait that was long but in time does not narrow the window, it feels its way up")
    func inTime() {
        var drained = Drained()
        drained.drain(16 << 20, in: .milliseconds(200))
        #expect(drained.window.bytes == 18 << 20)
        drained.drain(drained.window.bytes, in: .milliseconds(225))
        #expect(drained.window.bytes == 18 << 20)
        for _ in 0..<4 { drained.drain(drained.window.bytes, in: .milliseconds(400)) }
        #expect(drained.window.bytes < 10 << 20)
    }

    @Test("while the disk hangs little is taken, and after a second nothing")
    func hanging() {
        var admission = Admission()
        func verdict(_ waiting: Int, after time: Duration) -> Admission.Verdict {
            admission.verdict(topic: "T", waiting: waiting, .none, at: Tick(time))
        }
        admission.appended(
            1 << 20, of: "T", upTo: PhysicalOffset(1 << 20), confirmed: .zero, at: .zero)
        admission.writing(since: .zero)
        #expect(verdict(1 << 20, after: .milliseconds(200)) == .taken)
        #expect(verdict(1 << 20, after: .milliseconds(201)) == .diskHangs)
        #expect(verdict(1_000, after: .milliseconds(900)) == .taken)
        #expect(verdict(1_000, after: .milliseconds(1_001)) == .diskHangs)
        admission.writing(since: nil)
        #expect(verdict(1 << 20, after: .milliseconds(1_002)) == .taken)
    }

    @Test("of a connection that is far behind every fourth is refused, of others none")
    func behind() {
        var admission = Admission()
        let behind = Pressure(connection: .milliseconds(101))
        var taken = 0
        for _ in 0..<300 {
            #expect(admission.verdict(topic: "T", waiting: 0, .none, at: .zero) == .taken)
        }
        for _ in 0..<300 {
            switch admission.verdict(topic: "T", waiting: 0, behind, at: .zero) {
            case .taken: taken += 1
            case let verdict: #expect(verdict == .tooManyRequests)
            }
        }
        #expect(taken == 225)
    }

    @Test("in a turn that takes long only the topics that fill it are refused")
    func longTurn() {
        var pipe = Pipe(bytesPerSecond: 100 << 20, flush: .milliseconds(1))
        let long = Pressure(turn: .milliseconds(101))
        var noisy = 0
        for _ in 0..<300 {
            if pipe.offer(1_024, to: "noisy", long) == .taken { noisy += 1 }
        }
        #expect(noisy == 225)
        #expect(pipe.offer(1_024, to: "quiet", long) == .taken)
    }

    @Test("shares add up, and a topic is let go when nothing of it waits")
    func shares() {
        var shares = TopicShares()
        for number in 1...100 {
            shares.appended(
                40_000, of: number % 4 == 0 ? "a" : "b",
                upTo: PhysicalOffset(Int64(number) * 40_000))
        }
        #expect(shares.waiting(of: "a") == 1_000_000 && shares.waiting(of: "b") == 3_000_000)
        #expect(shares.hasItsPart("b", of: 6_000_000) && !shares.hasItsPart("b", of: 6_000_001))
        #expect(shares.hasItsPart("a", of: 2_000_000) && !shares.hasItsPart("c", of: 1))
        #expect(shares.topics == 2 && shares.total == 4_000_000)
        shares.confirmed(upTo: PhysicalOffset(3_960_000))
        #expect(shares.waiting(of: "a") == 40_000 && shares.waiting(of: "b") == 0)
        #expect(shares.topics == 1)
        shares.confirmed(upTo: PhysicalOffset(4_000_000))
        #expect(shares.topics == 0 && shares.total == 0)
    }
}
