import Storage

/// What a broker claimed its id with. It shows it whenever it speaks of itself, so that the controllers
/// can tell it from others that say they had its id.
///
/// Two lines: the identity that it belongs to, and the code. Stores of earlier versions have none.
enum CheckCode {
    static let fileName = "brokerCheckCode"

    /// Nil: there is none for this identity, or it cannot be read.
    static func read(of store: LogStore, for identity: BrokerIdentity) -> String? {
        guard let bytes = try? store.readFile(Self.fileName) else { return nil }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        guard lines.count == 2, lines[0] == identity.text else { return nil }
        return String(lines[1])
    }

    static func write(
        _ code: String, for identity: BrokerIdentity, to store: LogStore
    ) throws(StorageError) {
        try store.replaceFile(Self.fileName, with: Array("\(identity.text)\n\(code)\n".utf8))
    }
}
