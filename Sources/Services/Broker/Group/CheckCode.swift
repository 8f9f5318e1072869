import Storage

/// What a broker claimed its id with. It shows it whenever it speaks of itself, so that the controllers
/// can tell it from others that say they had its id.
///
/// Two lines, sealed: the identity that it belongs to, and the code. Stores of earlier versions have
/// none, or one without a checksum.
enum CheckCode {
    static let fileName = "brokerCheckCode"

    /// Nil: there is none for this identity, or it cannot be read.
    static func read(of store: LogStore, for identity: BrokerIdentity) -> String? {
        guard let bytes = try? store.readFile(Self.fileName), let file = Self.parse(bytes),
            file.identity == identity.text
        else { return nil }
        return file.code
    }

    static func write(
        _ code: String, for identity: BrokerIdentity, to store: LogStore
    ) throws(StorageError) {
        try store.replaceFile(Self.fileName, with: SealedText.seal("\(identity.text)\n\(code)"))
    }

    static func parse(_ bytes: [UInt8]) -> (identity: String, code: String)? {
        let lines = SealedText.open(bytes)?.split(separator: "\n") ?? []
        guard lines.count == 2 else { return nil }
        return (String(lines[0]), String(lines[1]))
    }
}
