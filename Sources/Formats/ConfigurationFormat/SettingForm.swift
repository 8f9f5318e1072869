/// How a kind of value is written in a file, in the environment and behind a flag.
package struct SettingForm<Value>: Sendable {
    /// Throws what the value has to be, to follow the key: "is a number from 1 to 64".
    let parse: @Sendable (String) throws(WrongValue) -> Value
    /// So that `parse` gives it back.
    let print: @Sendable (Value) -> String

    package init(
        parse: @escaping @Sendable (String) throws(WrongValue) -> Value,
        print: @escaping @Sendable (Value) -> String
    ) {
        self.parse = parse
        self.print = print
    }

    /// The same, where a blank value means that nothing is said.
    var orNothing: SettingForm<Value?> {
        SettingForm<Value?>(
            parse: { text throws(WrongValue) in text.isEmpty ? nil : try self.parse(text) },
            print: { $0.map(self.print) ?? "" })
    }
}

/// What a value has to be.
package struct WrongValue: Error {
    package let expectation: String

    package init(_ expectation: String) { self.expectation = expectation }
}

extension SettingForm where Value: Equatable & Sendable {
    /// One of several words.
    package static func choice(of words: [(word: String, value: Value)]) -> Self {
        SettingForm(
            parse: { text throws(WrongValue) in
                guard let choice = words.first(where: { $0.word == text.lowercased() }) else {
                    let all = words.map(\.word).joined(separator: ", ")
                    throw WrongValue("is one of \(all)")
                }
                return choice.value
            }, print: { value in words.first { $0.value == value }?.word ?? "" })
    }
}

extension SettingForm<Bool> {
    package static var flag: Self {
        SettingForm(
            parse: { text throws(WrongValue) in
                switch text.lowercased() {
                case "true": true
                case "false": false
                default: throw WrongValue("is true or false")
                }
            }, print: { "\($0)" })
    }
}

extension SettingForm<String> {
    /// Anything but nothing.
    package static var text: Self {
        SettingForm(
            parse: { text throws(WrongValue) in
                guard !text.isEmpty else { throw WrongValue("needs a value") }
                return text
            }, print: { $0 })
    }
}

extension SettingForm<[String]> {
    /// `host:port;host:port`; blank: none.
    package static var addresses: Self {
        SettingForm(
            parse: { text throws(WrongValue) in
                let parts = text.split { $0 == ";" || $0 == "," || $0 == " " }.map(String.init)
                guard parts.allSatisfy(Self.isAddress) else {
                    throw WrongValue("is a list such as host:port;host:port")
                }
                return parts
            }, print: { $0.joined(separator: ";") })
    }

    private static func isAddress(_ text: String) -> Bool {
        guard let colon = text.lastIndex(of: ":"), colon > text.startIndex,
            let port = UInt16(text[text.index(after: colon)...])
        else { return false }
        return port > 0
    }
}

extension SettingForm where Value: FixedWidthInteger & Sendable {
    package static func number(_ range: ClosedRange<Value>) -> Self {
        SettingForm(
            parse: { text throws(WrongValue) in
                guard let number = Value(text), range.contains(number) else {
                    throw WrongValue(
                        "is a number from \(range.lowerBound) to \(range.upperBound)")
                }
                return number
            }, print: { "\($0)" })
    }
}

extension SettingForm<Int> {
    /// `85` or `85%`.
    package static func percent(_ range: ClosedRange<Int>) -> Self {
        SettingForm(
            parse: { text throws(WrongValue) in
                let digits = text.hasSuffix("%") ? String(text.dropLast()) : text
                guard let number = Int(digits), range.contains(number) else {
                    throw WrongValue(
                        "is a percentage from \(range.lowerBound) to \(range.upperBound)")
                }
                return number
            }, print: { "\($0)" })
    }

    /// A plain number means bytes.
    package static func bytes(_ range: ClosedRange<Int>, multipleOf step: Int = 1) -> Self {
        SettingForm(
            parse: { text throws(WrongValue) in
                guard let bytes = SizeText.parse(text), let bytes = Int(exactly: bytes),
                    range.contains(bytes)
                else {
                    let (least, most) = (range.lowerBound, range.upperBound)
                    throw WrongValue(
                        "is a size from \(SizeText.text(Int64(least))) to "
                            + "\(SizeText.text(Int64(most))), in bytes or with one of the units "
                            + "KiB, MiB and GiB")
                }
                guard bytes % step == 0 else {
                    throw WrongValue("is a multiple of \(SizeText.text(Int64(step)))")
                }
                return bytes
            }, print: { SizeText.text(Int64($0)) })
    }
}

extension SettingForm<Duration> {
    /// A plain number means the unit that RocketMQ's key has.
    package static func duration(_ plain: TimeUnit, _ range: ClosedRange<Duration>) -> Self {
        SettingForm(
            parse: { text throws(WrongValue) in
                guard let duration = DurationText.parse(text, plain: plain),
                    range.contains(duration)
                else {
                    throw WrongValue(
                        "is a time from \(DurationText.text(range.lowerBound)) to "
                            + "\(DurationText.text(range.upperBound)), in \(plain) or with one of "
                            + "the units ms, s, m, h and d")
                }
                return duration
            }, print: { DurationText.text($0) })
    }
}
