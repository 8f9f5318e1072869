import RemotingProtocol
import RoutingCore

/// Small settings that administrators leave for others.
extension NameServerEngine {
    /// Where the queues of ordered topics are written down.
    static let orderNamespace = "ORDER_TOPIC_CONFIG"

    /// Code 100.
    mutating func putKeyValue(_ request: Request) throws(RequestFailure) -> Answer {
        let namespace = try request.text("namespace")
        let key = try request.text("key")
        guard let value = request.command.string("value") else {
            throw .badField(HeaderFieldError(field: "value", problem: "is missing"))
        }
        do { try self.keyValues.put(value, for: key, in: namespace) } catch {
            throw .settingRefused(error)
        }
        return Answer()
    }

    /// Code 101.
    func getKeyValue(_ request: Request) throws(RequestFailure) -> Answer {
        let namespace = try request.text("namespace")
        let key = try request.text("key")
        guard let value = self.keyValues.value(of: key, in: namespace) else {
            throw .notFound("No config item, Namespace: \(namespace) Key: \(key)")
        }
        return Answer(fields: [HeaderField("value", value)])
    }

    /// Code 102.
    mutating func deleteKeyValue(_ request: Request) throws(RequestFailure) -> Answer {
        let namespace = try request.text("namespace")
        self.keyValues.delete(try request.text("key"), in: namespace)
        return Answer()
    }

    /// Code 219.
    func getKeyValues(_ request: Request) throws(RequestFailure) -> Answer {
        let namespace = try request.text("namespace")
        guard let entries = self.keyValues.entries(of: namespace) else {
            throw .notFound("No config item, Namespace: \(namespace)")
        }
        return Answer(body: KVTable(table: entries).encoded)
    }
}
