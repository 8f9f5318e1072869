import Foundation
import Testing

@testable import apus

@Suite("lines to send")
struct MessageLinesTests {
    private func lines(of text: String) throws -> [String] {
        let path = NSTemporaryDirectory() + "apus-lines-\(UUID().uuidString)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        var lines = try MessageLines(file: path)
        var all: [String] = []
        while let line = try lines.next() { all.append(String(decoding: line, as: UTF8.self)) }
        return all
    }

    @Test("each line is one; empty ones are not sent; the last needs no line feed")
    func lines() throws {
        #expect(try self.lines(of: "a\n\nb c\nlast") == ["a", "b c", "last"])
        #expect(try self.lines(of: "").isEmpty)
        #expect(try self.lines(of: "\n\n").isEmpty)
    }

    @Test("lines longer than a read come whole")
    func long() throws {
        let long = String(repeating: "x", count: 200_000)
        #expect(try self.lines(of: "\(long)\ny\n\(long)") == [long, "y", long])
    }

    @Test("a line beyond a message's size is refused")
    func tooLong() {
        #expect(throws: CommandFailure.self) {
            try self.lines(of: String(repeating: "x", count: 5 << 20))
        }
    }

    @Test("given messages come as they are")
    func given() throws {
        var lines = MessageLines(["a\nb", ""])
        #expect(try lines.next() == Array("a\nb".utf8))
        #expect(try lines.next() == [])
        #expect(try lines.next() == nil)
    }

    @Test("a file that is not there")
    func missing() {
        #expect(throws: CommandFailure.self) { try MessageLines(file: "/nowhere/lines") }
    }
}
