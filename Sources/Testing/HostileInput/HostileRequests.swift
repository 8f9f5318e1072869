import HostileBytes
import RemotingProtocol

/// Requests that a fuzzer's bytes choose: each an honest one with some of its fields exchanged.
///
/// One request takes: a byte for the template, one for the number of changes, and for each change
/// its field and its value.
struct HostileRequests {
    /// Values that break what was not thought of: limits of numbers, ways out of a directory,
    /// separators, other kinds of names, and lengths.
    package static let values: [String] = [
        "", "0", "-1", "1", "2147483647", "-2147483648", "4294967296", "9223372036854775807",
        "-9223372036854775808", "99999999999999999999", "1e9", "null", "true", "/", "..",
        "../../../etc/passwd", "a/b", "T\u{0}", "\u{0}", "\u{1}\u{2}", "T\n", "%", "%RETRY%",
        "%RETRY%CG", "%DLQ%CG", "%DLQ%", "%RETRY%%RETRY%CG", "TBW102", "SCHEDULE_TOPIC_XXXX",
        "rmq_sys_wheel_timer", "RMQ_SYS_TRANS_HALF_TOPIC", "*", "a || b", "T", "T2", "CG", "PG",
        "SQL92", "a > 1", "雨燕", "C:\\x", "CON", " ", String(repeating: "x", count: 128),
        String(repeating: "%", count: 256), String(repeating: "../", count: 22_000),
        "127.0.0.1:1;127.0.0.1:2", "{}", "[[[[[[", "djEgLyAvIDEgLw==",
    ]

    private static let names: [String] = Array(RequestTemplates.fields.map(\.key))

    private var cursor: ByteCursor
    private let templates: [RemotingCommand]
    private var opaque: Int32 = 0

    init(_ bytes: UnsafeRawBufferPointer, of templates: [RemotingCommand]) {
        self.cursor = ByteCursor(bytes)
        self.templates = templates
    }

    /// Nil at the end of the bytes, or when there were enough.
    mutating func next() -> RemotingCommand? {
        guard !self.cursor.isAtEnd, self.opaque < 32 else { return nil }
        self.opaque += 1
        var command = self.cursor.pick(self.templates)
        command.opaque = self.opaque
        let changes = self.cursor.byte()
        for _ in 0..<(changes & 7) { self.change(&command) }
        if changes & 0x80 != 0 { command.body = self.bodyBytes() }
        if changes & 0x40 != 0 { command.flag |= CommandFlag.oneWay }
        return command
    }

    private mutating func change(_ command: inout RemotingCommand) {
        let choice = self.cursor.byte()
        if choice >= 192, !command.body.isEmpty { return self.changeBody(&command, choice) }
        let isOwn = !command.fields.isEmpty
        let name =
            isOwn
            ? command.fields[Int(choice) % command.fields.count].name
            : Self.names[Int(choice) % Self.names.count]
        command[name] = self.value()
    }

    private mutating func value() -> String? {
        let choice = Int(self.cursor.byte())
        if choice == 255 { return nil }
        if choice < Self.values.count { return Self.values[choice] }
        return String(decoding: self.cursor.take(choice & 31), as: UTF8.self)
    }

    private mutating func bodyBytes() -> [UInt8] {
        Array(self.cursor.take(Int(self.cursor.byte()) * 4))
    }

    /// Puts a hostile value where the body has one in quotes, or changes a byte of it.
    private mutating func changeBody(_ command: inout RemotingCommand, _ choice: UInt8) {
        let quotes = command.body.indices.filter { command.body[$0] == UInt8(ascii: "\"") }
        let at = Int(self.cursor.byte())
        guard choice & 1 == 0, quotes.count >= 2 else {
            return command.body[at % command.body.count] = self.cursor.byte()
        }
        let pair = at % (quotes.count / 2) * 2
        let value = JSONValue.string(self.value() ?? "null").encoded
        command.body.replaceSubrange(quotes[pair]...quotes[pair + 1], with: value)
    }
}
