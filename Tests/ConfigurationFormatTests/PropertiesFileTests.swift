import Testing

@testable import ConfigurationFormat

@Suite("a configuration file has the form of Java's properties")
struct PropertiesFileTests {
    private func pairs(_ text: String) throws -> [String] {
        try PropertiesFile(parsing: Array(text.utf8), name: "f").entries
            .map { "\($0.line) \($0.key)=\($0.value)" }
    }

    private func problem(_ bytes: [UInt8]) -> String? {
        do throws(ConfigurationProblem) {
            _ = try PropertiesFile(parsing: bytes, name: "broker.conf")
            return nil
        } catch {
            return error.description
        }
    }

    @Test(
        "keys and values are parted by =, : or blanks, with blanks around them",
        arguments: [
            "a=b", "a:b", "a b", "a\tb", " a = b ", "a   :   b\t", "a\u{0C}b", "\u{FEFF}a=b",
            "a=b\r\n", "a=b\r", "\\a=\\b",
        ])
    func separators(text: String) throws {
        #expect(try self.pairs(text) == ["1 a=b"])
    }

    @Test("a value may be blank, or have separators in it")
    func values() throws {
        #expect(try self.pairs("a=\nb\nc =  ") == ["1 a=", "2 b=", "3 c="])
        #expect(try self.pairs("a==b\nc=:d\ne=f=g h") == ["1 a==b", "2 c=:d", "3 e=f=g h"])
        #expect(try self.pairs("a b=c") == ["1 a=b=c"])
    }

    @Test("comments and empty lines say nothing, and are counted")
    func comments() throws {
        let text = "# a=1\n\n  ! b=2\n   \nc=3 # not a comment\r\n\r\nd=#4"
        #expect(try self.pairs(text) == ["5 c=3 # not a comment", "7 d=#4"])
        #expect(try self.pairs("#a=1\\\nb=2") == ["2 b=2"], "a comment is not continued")
    }

    @Test("a backslash joins lines, and the entry is where it begins")
    func joinedLines() throws {
        let text = "x=1\nlist=a;\\\n     b;\\\r\n  c\ny=2"
        #expect(try self.pairs(text) == ["1 x=1", "2 list=a;b;c", "5 y=2"])
        #expect(try self.pairs("a=b\\") == ["1 a=b"])
        #expect(try self.pairs("a=b\\\\\nc=d") == ["1 a=b\\", "2 c=d"], "an escaped backslash")
    }

    @Test("escapes mean one character each")
    func escapes() throws {
        #expect(try self.pairs(#"a=\t|\n|\r|\f"#) == ["1 a=\t|\n|\r|\u{0C}"])
        #expect(try self.pairs(#"a\ b\=c\:d=e"#) == ["1 a b=c:d=e"])
        #expect(try self.pairs(#"a=\u00e9\u4E2d\ud83d\ude00"#) == ["1 a=é中😀"])
        #expect(try self.pairs(#"a=\ b\ "#) == ["1 a= b "], "escaped blanks stay")
        #expect(try self.pairs(#"a=C:\\store\\  "#) == [#"1 a=C:\store\"#])
    }

    @Test(
        "what cannot be read is told with its line",
        arguments: [
            ("a=1\n=2", "broker.conf:2: there is no key before the ="),
            ("a=1\n\n: 2", "broker.conf:3: there is no key before the ="),
            (#"a=\u12"#, #"broker.conf:1: a \u is followed by four hexadecimal digits"#),
            (#"a=\u+123"#, #"broker.conf:1: a \u is followed by four hexadecimal digits"#),
            (#"a=\ud83d!"#, #"broker.conf:1: a \u escape names half a character only"#),
            ("a=\u{0}", "broker.conf:1: the line has the control character 0"),
        ])
    func mistakes(text: String, problem: String) {
        #expect(self.problem(Array(text.utf8)) == problem)
    }

    @Test("comments may be in any encoding, settings are UTF-8")
    func encodings() throws {
        let comment: [UInt8] = Array("# ".utf8) + [0xD6, 0xD0, 0xFF] + Array("\na=1".utf8)
        #expect(try PropertiesFile(parsing: comment, name: "f").entries.count == 1)
        #expect(self.problem(Array("a=".utf8) + [0xD6]) == "broker.conf:1: the line is not UTF-8")
        let wide: [UInt8] = [0xFF, 0xFE, 0x61, 0x00]
        #expect(self.problem(wide) == "broker.conf: the file is UTF-16; write it as UTF-8")
    }

    @Test(
        "every value comes back as it was written",
        arguments: [
            "", "a", " a", "a ", "  ", "a=b:c#d!", "\\", "a\\", "\\ ", "a\\ ", "tab\tline\nend\r",
            "é中😀", "\u{0C}", "C:\\store",
        ])
    func roundTrip(value: String) throws {
        let text = "# c\nkey=\(Unescaping.escaped(value))\n"
        #expect(text.utf8.allSatisfy { $0 < 0x80 }, "Java reads it too")
        let file = try PropertiesFile(parsing: Array(text.utf8), name: "f")
        #expect(file.entries == [.init(key: "key", value: value, line: 2)])
    }
}
