import MessageFormat
import Storage

/// Which broker of which group a directory belongs to, once the controllers have given it an id.
///
/// One line, `clusterName#brokerName#brokerId`, in RocketMQ's form.
struct BrokerIdentity: Hashable, Sendable {
    static let fileName = "brokerIdentity"

    var clusterName: String
    var brokerName: String
    var brokerID: Int64

    var text: String { "\(self.clusterName)#\(self.brokerName)#\(self.brokerID)" }

    init(clusterName: String, brokerName: String, brokerID: Int64) {
        self.clusterName = clusterName
        self.brokerName = brokerName
        self.brokerID = brokerID
    }

    init?(text: String) {
        let parts = text.split(separator: "#", omittingEmptySubsequences: false)
        guard parts.count == 3, let id = Int64(parts[2].filter { !$0.isWhitespace }), id > 0 else {
            return nil
        }
        self.init(clusterName: String(parts[0]), brokerName: String(parts[1]), brokerID: id)
    }
}

/// An id that is being applied for: with the same check code the controllers know that it is the
/// same broker which asks again.
struct AppliedIdentity: Hashable, Sendable {
    static let fileName = "brokerIdentity-temp"

    var identity: BrokerIdentity
    var checkCode: String

    var text: String { "\(self.identity.text)#\(self.checkCode)" }

    init(identity: BrokerIdentity, checkCode: String) {
        self.identity = identity
        self.checkCode = checkCode
    }

    init?(text: String) {
        guard let last = text.lastIndex(of: "#"),
            let identity = BrokerIdentity(text: String(text[..<last]))
        else { return nil }
        self.init(identity: identity, checkCode: String(text[text.index(after: last)...]))
    }
}

extension BrokerIdentity {
    /// The identity in the directory; nil when it has none yet.
    ///
    /// A directory of another group is never touched: its log would overwrite, or be overwritten.
    static func read(
        of store: LogStore, for configuration: BrokerConfiguration
    ) throws -> BrokerIdentity? {
        guard let bytes = try store.readFile(Self.fileName) else { return nil }
        let path = "\(store.directory)/\(Self.fileName)"
        guard let identity = BrokerIdentity(text: String(decoding: bytes, as: UTF8.self)) else {
            throw ConfigurationError(
                "\(path) does not say CLUSTER#BROKER#ID; restore it, or empty the directory")
        }
        guard identity.clusterName == configuration.clusterName,
            identity.brokerName == configuration.brokerName
        else {
            throw ConfigurationError(
                """
                \(store.directory) belongs to broker \(identity.brokerID) of \
                \(identity.clusterName)/\(identity.brokerName), not to \
                \(configuration.clusterName)/\(configuration.brokerName): use the right directory
                """)
        }
        guard !configuration.controllers.isEmpty else {
            throw ConfigurationError(
                """
                \(store.directory) belongs to broker \(identity.brokerID) of a group that \
                controllers steer: set controllerAddr
                """)
        }
        return identity
    }
}
