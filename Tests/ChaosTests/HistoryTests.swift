import Chaos
import Foundation
import MessageFormat
import Testing

@Suite("a history is written and read back")
struct HistoryTests {
    private let header = HistoryHeader(
        run: "r1", seed: .max, startedAt: Timestamp(milliseconds: 1_700_000_000_000),
        versions: "apus \"1\"", configuration: "topic=T\nproducers=2")

    private var events: [HistoryEvent] {
        let place = HistoryScript.place(3, 1 << 40)
        let member = HistoryScript.member(0)
        let value = ValueID(client: "r1-p0", sequence: 17, attempt: 2)
        let fault = Fault(name: "kill", target: "broker-a")
        let master = MasterPlace(group: "broker-a", address: "127.0.0.1:10911")
        let struck = Fault(name: "kill", target: "broker-a-1", master: master)
        let queues = [HistoryScript.queue(0), HistoryScript.queue(1)]
        let contents: [MessageContent] = [
            .value(value), .foreign(checksum: .max),
            .corrupt(checksum: 0, problem: "a \"b\" \u{1}"),
        ]
        let kinds: [HistoryEvent.Kind] =
            [
                .sendStarted(value, topic: "T"),
                .sendEnded(value, .acknowledged, status: "SEND_OK", place),
                .sendEnded(value, .unknown, status: "timed out after 3 s: ä\\", nil),
                .sendEnded(value, .failed, status: "", nil),
                .ackStarted(by: member, place), .ackEnded(by: member, place, isCertain: true),
                .ackEnded(by: member, place, isCertain: false), .committed(group: "g", place),
                .assigned(member, queues: queues), .assigned(member, queues: []), .left(member),
                .faultBegan(fault), .faultEnded(fault, proof: "exit 137"),
                .faultBegan(struck), .elected(Election(master, epoch: .max)),
                .sendEnded(value, .acknowledged, status: "SEND_OK", place, to: master.address),
                .drainEnded(place.queue, min: QueueOffset(2), max: QueueOffset(5)),
                .repeated(value, attempts: 3), .asked(value), .replayed(value),
                .buried(value, place, reason: "a \"b\""),
            ]
            + [
                .delayed(by: .milliseconds(5)), .due(at: Tick(nanoseconds: 7)),
                .transaction(commits: true, isLeftOpen: false),
            ].map { .wished(value, $0) }
            + [
                .done, .failed(again: .seconds(1)), .failed(again: nil), .uncertain,
                .hidden(until: Tick(nanoseconds: 9)),
            ].map { .treated(value, by: member, place, $0) }
            + contents.map { .drained(place, $0) }
            + contents.map {
                .received(
                    Reception(member: member, position: place, content: $0, reconsumeTimes: 3))
            }
        return kinds.enumerated().map {
            HistoryEvent(at: Tick(nanoseconds: Int64($0.offset)), $0.element)
        }
    }

    @Test("every event comes back as it was")
    func roundTrip() throws {
        for event in self.events {
            #expect(!event.line.contains("\n"))
            #expect(try HistoryEvent(parsing: event.line) == event)
        }
    }

    @Test("a line looks like this")
    func example() {
        let event = HistoryEvent(
            at: Tick(nanoseconds: 5),
            .sendEnded(
                HistoryScript.value(0, 7), .acknowledged, status: "SEND_OK",
                HistoryScript.place(1, 9)))
        #expect(
            event.line == """
                {"t":5,"e":"send!","value":"r1-p0/7/1","outcome":"acknowledged",\
                "status":"SEND_OK","queue":"orders@broker-a/1","offset":9}
                """)
    }

    private func read(
        _ text: String, piece: Int = 7
    ) throws -> (reader: HistoryReader, events: [HistoryEvent]) {
        var reader = HistoryReader()
        var events: [HistoryEvent] = []
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: piece) {
            try reader.append(
                bytes[start..<min(start + piece, bytes.count)], began: { _ in },
                event: { events.append($0) })
        }
        try reader.finish()
        return (reader, events)
    }

    private var text: String {
        ([self.header.line] + self.events.map(\.line)).joined(separator: "\n") + "\n"
    }

    @Test(
        "a file goes through unharmed, however it is cut into pieces", arguments: [1, 64, 1 << 20])
    func pieces(piece: Int) throws {
        let (reader, events) = try self.read(self.text, piece: piece)
        #expect(reader.header == self.header)
        #expect(events == self.events)
        #expect(reader.tornLine == nil)
    }

    @Test("a torn last line is reported, and all before it counts")
    func torn() throws {
        let (reader, events) = try self.read(String(self.text.dropLast(9)))
        #expect(events == self.events.dropLast())
        #expect(reader.tornLine?.hasPrefix("{\"t\":\(self.events.count - 1),") == true)
    }

    @Test(
        "damage in the middle is an error with its line",
        arguments: [
            "x", "{}", "{\"t\":1}", "{\"t\":1,\"e\":\"nap\"}", "{\"t\":1,\"e\":\"send?\"}",
            "{\"t\":99999999999999999999,\"e\":\"leave\"}", "{\"t\":1,\"e\":\"leave\"",
            "{\"t\":1,\"e\":\"drain\",\"queue\":\"T\",\"offset\":1,\"value\":\"a/1/1\"}",
            "{\"t\":1,\"e\":\"le\\u00", "{\"t\":1,\"e\":\"leave\",\"consumer\":[\"", "{\"t\":",
        ])
    func damaged(line: String) {
        let text = [self.header.line, line, self.events[0].line].joined(separator: "\n") + "\n"
        #expect {
            try self.read(text)
        } throws: { error in
            guard case .damagedLine(2, let problem) = error as? HistoryError else { return false }
            return !problem.isEmpty
        }
    }

    @Test("no header, no history")
    func noHeader() {
        #expect(throws: HistoryError.self) { try self.read(self.events[0].line + "\n") }
        #expect(throws: HistoryError.self) { try self.read("") }
    }

    @Test("what a writer wrote a reader reads")
    func file() throws {
        let path = NSTemporaryDirectory() + "apus-history-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let writer = try HistoryWriter(path: path, header: self.header)
        for event in self.events { try writer.append(event.line) }
        var reader = HistoryReader()
        var events: [HistoryEvent] = []
        var headers: [HistoryHeader] = []
        try reader.read(
            path: path, began: { headers.append($0) }, event: { events.append($0) })
        #expect(headers == [self.header])
        #expect(events == self.events)
    }

    @Test("a file that is not there is an error that says so")
    func missing() {
        var reader = HistoryReader()
        #expect(throws: HistoryError.cannotRead(path: "/nowhere/h", errno: ENOENT)) {
            try reader.read(path: "/nowhere/h", began: { _ in }, event: { _ in })
        }
        #expect(throws: HistoryError.cannotWrite(path: "/nowhere/h", errno: ENOENT)) {
            try HistoryWriter(path: "/nowhere/h", header: self.header)
        }
    }
}
