import ClientCore
import MessageFormat
import Testing

@Suite("Idempotent window")
struct IdempotentWindowTests {
    private var window = IdempotentWindow(session: "s", settings: Self.settings)
    private let queue = MessageQueue(topic: "T", brokerName: "a", queueID: 0)
    private let other = MessageQueue(topic: "T", brokerName: "b", queueID: 0)
    private let unknown = AttemptOutcome.unknown(AttemptFailure(.timedOut, reason: "3 s"))
    private let refused = AttemptOutcome.refused(
        AttemptFailure(.answered(code: SendCode.systemBusy), reason: "busy"))

    private static var settings: IdempotentSettings {
        var settings = IdempotentSettings()
        settings.windowMax = 10
        settings.givenUpMax = 3
        settings.queuesMax = 2
        return settings
    }

    private mutating func attempt(
        _ id: String, count: Int = 1, on queue: MessageQueue? = nil, at seconds: Int = 0
    ) throws -> IdempotentStamps {
        defer { self.window.checkInvariants() }
        return try self.window.attempt(
            id, count: count, on: queue ?? self.queue, at: Tick(.seconds(seconds)))
    }

    private func next(_ id: String, _ route: [MessageQueue], at seconds: Int = 0)
        -> IdempotentWindow.Next
    {
        self.window.next(for: id, route: route, at: Tick(.seconds(seconds)))
    }

    @Test("numbers count from 1 on each queue; the promise is what is done without a gap")
    mutating func numbers() throws {
        for number in 1...3 {
            let stamps = try self.attempt("m\(number)")
            #expect(stamps.numbers == Int64(number)...Int64(number) && stamps.done == 0)
        }
        #expect(try self.attempt("x", on: self.other).numbers == 1...1)
        self.window.ended("m2", .acknowledged)
        #expect(try self.attempt("m4").done == 0, "1 is not answered")
        self.window.ended("m1", .acknowledged)
        #expect(try self.attempt("m5").done == 2)
        #expect(try self.attempt("m3").numbers == 3...3, "once more, with its number")
        #expect(self.window.underWay == 4)
    }

    @Test("a message that may be stored stays with its queue and its number")
    mutating func bound() throws {
        _ = try self.attempt("m")
        #expect(self.next("m", [self.other]) == .wait(for: self.queue), "it is still under way")
        self.window.ended("m", self.unknown)
        #expect(self.next("m", [self.other, self.queue]) == .only(self.queue))
        #expect(throws: IdempotentRefusal.boundTo(queue: "\(self.queue)")) {
            _ = try self.attempt("m", on: self.other)
        }
        #expect(try self.attempt("m").numbers == 1...1)
        self.window.ended("m", self.refused)
        #expect(
            self.next("m", [self.other, self.queue]) == .only(self.queue),
            "the first attempt may have stored it all the same")
    }

    @Test("a message that was refused may go anywhere; its number is given up when it moves")
    mutating func moves() throws {
        _ = try self.attempt("m")
        self.window.ended("m", self.refused)
        #expect(self.next("m", [self.other]) == .anywhere)
        #expect(try self.attempt("m").numbers == 1...1, "on the same queue it keeps its number")
        self.window.ended("m", self.refused)
        #expect(try self.attempt("m", on: self.other).numbers == 1...1)
        let stamps = try self.attempt("n")
        #expect(stamps.numbers == 2...2 && stamps.done == 1 && stamps.givenUp == [1])
    }

    @Test("where a message can go, by what became of its queue")
    mutating func routes() throws {
        _ = try self.attempt("m")
        self.window.ended("m", self.unknown)
        let sibling = MessageQueue(topic: "T", brokerName: "a", queueID: 1)
        let foreign = MessageQueue(topic: "U", brokerName: "a", queueID: 1)
        let rows: [([MessageQueue], IdempotentWindow.Next)] = [
            ([self.queue, sibling], .only(self.queue)),
            ([sibling, self.other], .gone(self.queue)),
            ([self.other], .wait(for: self.queue)),
            ([foreign], .wait(for: self.queue)),
            ([], .wait(for: self.queue)),
        ]
        for (route, expected) in rows { #expect(self.next("m", route) == expected) }
        #expect(self.window.gaveUp("m") == true, "the caller hears that the outcome is unknown")
        #expect(self.next("m", [self.other]) == .anywhere, "it is forgotten")
        #expect(try self.attempt("n").done == 1, "nothing is sent again under its number")
    }

    @Test("a message that is given up without a trace may be reported as not stored")
    mutating func cleanFailure() throws {
        _ = try self.attempt("m")
        self.window.ended("m", self.refused)
        #expect(self.window.gaveUp("m") == false)
        #expect(self.window.gaveUp("m") == false, "and nothing is left of it")
    }

    @Test("nothing is sent again when brokers may have forgotten it")
    mutating func age() throws {
        _ = try self.attempt("m", at: 0)
        self.window.ended("m", self.unknown)
        #expect(self.next("m", [self.queue], at: 1799) == .only(self.queue))
        #expect(try self.attempt("m", at: 1799).numbers == 1...1)
        self.window.ended("m", self.unknown)
        #expect(self.next("m", [self.queue], at: 1800) == .tooOld)
        #expect(throws: IdempotentRefusal.tooOld) { _ = try self.attempt("m", at: 1800) }
        _ = try self.attempt("n", at: 0)
        self.window.ended("n", self.refused)
        #expect(try self.attempt("n", at: 5_000).numbers == 2...2, "nothing to forget")
        self.window.ended("n", self.unknown)
        #expect(self.next("n", [self.queue], at: 5_001) == .only(self.queue))
    }

    @Test("the window is bounded by its oldest message, not by their number")
    mutating func full() throws {
        for number in 1...10 { _ = try self.attempt("m\(number)") }
        for number in 2...10 { self.window.ended("m\(number)", .acknowledged) }
        let full = IdempotentRefusal.windowFull(underWay: 10, windowMax: 10)
        #expect(full.isTemporary)
        #expect(throws: full) { _ = try self.attempt("n") }
        #expect(try self.attempt("m1").numbers == 1...1, "which is sent again all the same")
        self.window.ended("m1", .acknowledged)
        #expect(try self.attempt("n").numbers == 11...11)
    }

    @Test("a refused message that finds another queue full keeps its place")
    mutating func noRoomElsewhere() throws {
        for number in 1...10 { _ = try self.attempt("m\(number)") }
        _ = try self.attempt("x", on: self.other)
        self.window.ended("x", self.refused)
        #expect(throws: IdempotentRefusal.self) { _ = try self.attempt("x", on: self.queue) }
        #expect(try self.attempt("x", on: self.other).numbers == 1...1)
    }

    @Test("a batch has numbers in a row, and is sent again as it was")
    mutating func batches() throws {
        _ = try self.attempt("m")
        let stamps = try self.attempt("batch", count: 4)
        #expect(stamps.numbers == 2...5 && stamps.done == 0 && stamps.highest == 5)
        let written = (0..<4).map { index in
            var properties = MessageProperties()
            stamps.write(to: &properties, at: index)
            return "\(properties["APUS_SEQ"] ?? "") \(properties["APUS_SEQ_DONE"] ?? "")"
        }
        #expect(written == ["2/5 0", "3/5 0", "4/5 0", "5 0"])
        self.window.ended("batch", self.unknown)
        #expect(throws: IdempotentRefusal.otherBatch(count: 4)) {
            _ = try self.attempt("batch", count: 3)
        }
        #expect(try self.attempt("batch", count: 4).numbers == 2...5)
        #expect(throws: IdempotentRefusal.self) { _ = try self.attempt("big", count: 6) }
        self.window.ended("m", .acknowledged)
        self.window.ended("batch", .acknowledged)
        #expect(try self.attempt("n").done == 5)
    }

    @Test("with too many numbers given up numbering begins anew, when nothing is under way")
    mutating func generations() throws {
        _ = try self.attempt("slow")
        for number in 1...3 {
            _ = try self.attempt("m\(number)")
            self.window.ended("m\(number)", self.unknown)
            self.window.gaveUp("m\(number)")
        }
        #expect(throws: IdempotentRefusal.windowFull(underWay: 4, windowMax: 10)) {
            _ = try self.attempt("n")
        }
        #expect(try self.attempt("slow").session == "s.1", "its number is good for ever")
        self.window.gaveUp("slow")
        let stamps = try self.attempt("n")
        #expect(stamps.session == "s.2" && stamps.numbers == 1...1 && stamps.done == 0)
        #expect(stamps.givenUp.isEmpty)
    }

    @Test("what was given up is listed until a message that lists it is stored")
    mutating func announcements() throws {
        _ = try self.attempt("m")
        self.window.ended("m", self.unknown)
        self.window.gaveUp("m")
        #expect(try self.attempt("n").sequenceStamp().givenUp == [1])
        self.window.ended("n", .acknowledged)
        #expect(try self.attempt("o").givenUp == [])
    }

    @Test("queues are limited")
    mutating func manyQueues() throws {
        _ = try self.attempt("m")
        _ = try self.attempt("n", on: self.other)
        let third = MessageQueue(topic: "T", brokerName: "c", queueID: 0)
        #expect(throws: IdempotentRefusal.tooManyQueues(limit: 2)) {
            _ = try self.attempt("o", on: third)
        }
    }

    @Test("one stamp serves readers that look for loss and brokers that look for duplicates")
    mutating func stamps() throws {
        _ = try self.attempt("m")
        self.window.ended("m", .acknowledged)
        var properties = MessageProperties()
        try self.attempt("n").write(to: &properties)
        #expect(properties["APUS_SEQ_DONE"] == "1")
        #expect(
            SequenceStamp(properties)
                == SequenceStamp(session: "s.1", number: 2, decided: 1, givenUp: []))
    }
}
