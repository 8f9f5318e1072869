import ClientCore
import MessageFormat
import Testing

@Suite("What is spooled and when it comes out")
struct SpoolPlannerTests {
    typealias Effect = SpoolPlanner.Effect

    static let failure = AttemptFailure(.timedOut, reason: "silence")
    static let hopeless = AttemptFailure(.answered(code: 13), reason: "illegal")

    static func writes(_ effects: [Effect]) -> [UInt64] {
        effects.compactMap { if case .append(let write, _, _, _) = $0 { write } else { nil } }
    }

    static func sends(_ effects: [Effect]) -> [SpoolPlanner.Admission] {
        effects.compactMap { if case .send(let admission, _) = $0 { admission } else { nil } }
    }

    static func removed(_ effects: [Effect]) -> [UInt64] {
        effects.compactMap { if case .remove(let segment) = $0 { segment } else { nil } }
    }

    static func message(_ admission: SpoolPlanner.Admission, bytes: Int = 10) -> SpooledMessage {
        SpoolRecordTests.message(
            admission.sequence, topic: admission.topic, body: Array(repeating: 1, count: bytes))
    }

    /// Spools one message and lets it reach the disk.
    static func keep(
        _ planner: inout SpoolPlanner, _ topic: String, at now: Tick = .zero
    ) throws -> [Effect] {
        let (admission, _) = planner.admit(topic: topic, at: now)
        let write = try need(
            Self.writes(planner.spool(Self.message(admission), at: now)).first)
        let effects = planner.written(write, at: now)
        #expect(effects.first == .accepted(admission))
        return effects
    }

    @Test("messages go past the spool until one of their topic is in it, and after the last left")
    func queuesBehind() throws {
        var planner = SpoolPlanner(at: .zero)
        #expect(planner.admit(topic: "T", at: .zero).isDirect == true)
        let (second, isDirect) = planner.admit(topic: "T", at: .zero)
        #expect(isDirect)
        let write = try need(Self.writes(planner.spool(Self.message(second), at: .zero)).first)
        #expect(planner.admit(topic: "T", at: .zero).isDirect == false)
        #expect(planner.admit(topic: "U", at: .zero).isDirect == true)
        // The first one is still on its way: the second one must not overtake it.
        #expect(planner.written(write, at: .zero) == [.accepted(second)])
        let first = SpoolPlanner.Admission(topic: "T", sequence: 1)
        #expect(Self.sends(planner.directEnded(first, at: .zero)) == [second])
        let effects = planner.drained(second, .acknowledged, at: .zero)
        let mark = try need(Self.writes(effects).first)
        #expect(planner.admit(topic: "T", at: .zero).isDirect == false)
        #expect(Self.removed(planner.written(mark, at: .zero)) == [1])
        #expect(planner.admit(topic: "T", at: .zero).isDirect == true)
        #expect(planner.figures.fileBytes == 0)
        planner.checkInvariants()
    }

    @Test("a topic drains in the order of the calls, one message at a time; topics do not wait")
    func drains() throws {
        var planner = SpoolPlanner(at: .zero)
        let (first, _) = planner.admit(topic: "T", at: .zero)
        let (second, _) = planner.admit(topic: "T", at: .zero)
        // They fail in the other order.
        let later = try need(Self.writes(planner.spool(Self.message(second), at: .zero)).first)
        let earlier = try need(Self.writes(planner.spool(Self.message(first), at: .zero)).first)
        #expect(Self.sends(planner.written(later, at: .zero)) == [])
        #expect(Self.sends(planner.written(earlier, at: .zero)) == [first])
        #expect(Self.sends(try Self.keep(&planner, "U")).count == 1)
        #expect(Self.sends(planner.drained(second, .acknowledged, at: .zero)) == [])
        #expect(Self.sends(planner.drained(first, .acknowledged, at: .zero)) == [second])
        #expect(planner.figures.messages == 2)
        #expect(planner.figures.drained == 1)
        planner.checkInvariants()
    }

    @Test("a failed attempt is repeated after a growing pause, at once when the cluster is back")
    func repeats() throws {
        var planner = SpoolPlanner(at: .zero)
        var admission = try need(Self.sends(try Self.keep(&planner, "T")).first)
        var now = Tick.zero
        var pauses: [Duration] = []
        for _ in 0..<8 {
            #expect(planner.drained(admission, .unknown(Self.failure), at: now) == [])
            let next = try need(planner.nextWakeAt)
            #expect(planner.advance(to: Tick(nanoseconds: next.nanoseconds - 1)) == [])
            pauses.append(next - now)
            now = next
            admission = try need(Self.sends(planner.advance(to: now)).first)
        }
        #expect(
            pauses == [100, 200, 400, 800, 1600, 3200, 5000, 5000].map { .milliseconds($0) })
        _ = planner.drained(admission, .refused(Self.failure), at: now)
        #expect(Self.sends(planner.clusterIsBack(at: now)) == [admission])
    }

    @Test("what no broker will ever take is set aside, and the rest goes on")
    func setsAside() throws {
        var planner = SpoolPlanner(at: .zero)
        let first = try need(Self.sends(try Self.keep(&planner, "T")).first)
        _ = try Self.keep(&planner, "T")
        let effects = planner.drained(first, .refused(Self.hopeless), at: .zero)
        guard case .setAside(first, _, Self.hopeless)? = effects.first else { throw Missing() }
        #expect(planner.drained(first, .acknowledged, at: .zero) == [])
        #expect(planner.wasSetAside(first, isStored: false, at: .zero) == [])
        let again = try need(Self.sends(planner.clusterIsBack(at: .zero)).first)
        #expect(again == first)
        _ = planner.drained(first, .refused(Self.hopeless), at: .zero)
        let next = Self.sends(planner.wasSetAside(first, isStored: true, at: .zero))
        #expect(next.map(\.sequence) == [2])
        #expect(planner.figures.setAside == 1)
    }

    @Test("bytes, count and size are bounded, with a reason")
    func bounds() throws {
        var settings = SpoolPlanner.Settings()
        settings.messagesMax = 2
        settings.bytesMax = 1_000
        settings.messageBytesMax = 700
        var planner = SpoolPlanner(settings, at: .zero)
        func refusal(_ bytes: Int) -> SpoolRefusal? {
            let (admission, _) = planner.admit(topic: "T", at: .zero)
            let effects = planner.spool(Self.message(admission, bytes: bytes), at: .zero)
            if case .refused(admission, let refusal)? = effects.first { return refusal }
            return nil
        }
        #expect(refusal(700) == .tooLarge(bytes: 785, bytesMax: 700))
        #expect(refusal(500) == nil)
        #expect(refusal(500) == .full(bytes: 585, bytesMax: 1_000))
        #expect(refusal(10) == nil)
        #expect(refusal(10) == .tooMany(messages: 2, messagesMax: 2))
        #expect(planner.figures.refused == 3)
        planner.checkInvariants()
    }

    @Test("after a disk error nothing more is kept, and what is on disk is still drained")
    func diskFails() throws {
        var planner = SpoolPlanner(at: .zero)
        let first = try need(Self.sends(try Self.keep(&planner, "T")).first)
        let (second, _) = planner.admit(topic: "T", at: .zero)
        let write = try need(Self.writes(planner.spool(Self.message(second), at: .zero)).first)
        #expect(planner.writeFailed(write, at: .zero) == [.refused(second, .diskFailed)])
        let (third, _) = planner.admit(topic: "T", at: .zero)
        #expect(planner.spool(Self.message(third), at: .zero) == [.refused(third, .diskFailed)])
        #expect(Self.removed(planner.drained(first, .acknowledged, at: .zero)) == [1])
        #expect(planner.admit(topic: "T", at: .zero).isDirect == true)
        planner.checkInvariants()
    }

    @Test("files go oldest first, when all in them is done")
    func removesFiles() throws {
        var settings = SpoolPlanner.Settings()
        settings.segmentBytes = 1
        var planner = SpoolPlanner(settings, at: .zero)
        for topic in ["T", "U", "T"] { _ = try Self.keep(&planner, topic) }
        let second = SpoolPlanner.Admission(topic: "U", sequence: 2)
        let mark = try need(
            Self.writes(planner.drained(second, .acknowledged, at: .zero)).first)
        #expect(Self.removed(planner.written(mark, at: .zero)) == [])
        let first = SpoolPlanner.Admission(topic: "T", sequence: 1)
        #expect(Self.removed(planner.drained(first, .acknowledged, at: .zero)) == [1, 2])
    }

    @Test("a damaged file is kept aside, an unreadable record does not stop the others")
    func unreadable() throws {
        var bytes = SpoolRecordTests.file(
            (1...3).map { .message(SpoolRecordTests.message($0)) })
        bytes[60] ^= 1
        var planner = SpoolPlanner(images: [SpoolRecordTests.image(bytes)], at: .zero)
        let sent = try need(Self.sends(planner.advance(to: .zero)).first)
        #expect(sent.sequence == 2)
        let next = try need(Self.sends(planner.unreadable(sent, at: .zero)).first)
        #expect(next.sequence == 3)
        let effects = planner.drained(next, .acknowledged, at: .zero)
        #expect(effects.contains(.quarantine(segment: 3)))
        #expect(planner.figures.unreadable == 1)
    }

    @Test("what may pass later is kept; what may have been stored only if it may be repeated")
    func rule() {
        let policy = SendPolicy()
        let once = SendPolicy(repeatsUnknown: false)
        let table: [(AttemptOutcome, SendPolicy, Bool)] = [
            (.acknowledged, policy, false), (.refused(Self.failure), policy, true),
            (.unknown(Self.failure), policy, true), (.unknown(Self.failure), once, false),
            (.refused(Self.failure), once, true), (.refused(Self.hopeless), policy, false),
            (.refused(AttemptFailure(.noRoute, reason: "")), policy, true),
            (.refused(AttemptFailure(.local, reason: "")), policy, true),
        ]
        for (outcome, policy, keeps) in table { #expect(SpoolRule.keeps(outcome, policy) == keeps) }
    }
}
