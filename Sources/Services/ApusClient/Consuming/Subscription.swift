import ClientCore
import MessageFormat
import RemotingProtocol

/// What a consumer wants of a topic.
///
/// All members of a group must want the same.
public struct Subscription: Hashable, Sendable {
    /// Which messages of the topic.
    public enum Filter: Hashable, Sendable {
        /// `*` for everything, else tags separated by `||`.
        case tags(String)
        /// An SQL92 condition on the messages' properties: `amount > 100 AND region IN ('eu')`.
        case sql(String)
    }

    /// Its name.
    public var topic: String
    /// Everything, if nothing else was said.
    public var filter: Filter

    /// - Parameter tags: `*` for everything, else tags separated by `||`.
    public init(topic: String, tags: String = "*") {
        self.topic = topic
        self.filter = .tags(tags)
    }

    /// - Parameter sql: brokers refuse pulls with an expression that they cannot read;
    ///   `PushConsumer.checkSubscriptions()` says where the mistake is.
    public init(topic: String, sql: String) {
        self.topic = topic
        self.filter = .sql(sql)
    }

    func data(in namespace: Namespace, version: Int64) -> SubscriptionData {
        let topic = namespace.full(self.topic)
        return switch self.filter {
        case .tags(let tags):
            SubscriptionData(topic: topic, expression: tags, version: version)
        case .sql(let expression):
            SubscriptionData(
                topic: topic, expression: expression,
                expressionType: SubscriptionData.sqlExpression, version: version)
        }
    }
}
