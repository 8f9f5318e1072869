import DeliveryCore
import FilterCore
import MessageFormat
import RemotingProtocol

// What a consumer wants, where it says so by properties (`flows.md` §6).
extension BrokerEngine {
    /// The filter that a subscription needs beside the index. Nil: tags decide, or nothing does.
    ///
    /// A retry topic holds what its group wanted once: everything in it passes.
    mutating func expression(of subscription: Subscription) throws -> FilterExpression? {
        switch subscription.expressionType {
        case "", SubscriptionData.tagExpression: return nil
        case SubscriptionData.sqlExpression: break
        case let type:
            throw Refusal(
                .subscriptionParseFailed,
                "the filter type \(type.prefix(64)) is not known, use TAG or SQL92")
        }
        guard !subscription.topic.hasPrefix(ResourceName.retryPrefix) else { return nil }
        return try self.expression(subscription.expression)
    }

    private mutating func expression(_ text: String) throws -> FilterExpression {
        guard self.settings.enablePropertyFilter else {
            throw Refusal(
                .systemError,
                "The broker does not support consumer to filter message by SQL92")
        }
        do {
            return try self.filters.expression(text)
        } catch {
            throw Refusal(
                .subscriptionParseFailed, "the SQL92 expression has a mistake at \(error)")
        }
    }

    /// A consumer asks, before it starts, whether its subscription can be served.
    mutating func checkClientConfig(_ command: ReceivedCommand, from caller: Caller) throws {
        let body = try command.withBodyBytes { try JSONValue(parsing: $0) }
        if let json = body["subscriptionData"] {
            let data = try SubscriptionData(json: json)
            try Self.checkLength(of: data.expression)
            _ = try self.expression(of: Subscription(data))
        }
        self.succeed(caller)
    }

    /// What keeps a group's subscriptions from being taken.
    mutating func problem(with subscriptions: [SubscriptionData]) -> Refusal? {
        do {
            for data in subscriptions {
                try Self.checkLength(of: data.expression)
                _ = try self.expression(of: Subscription(data))
            }
            return nil
        } catch {
            return error as? Refusal ?? Refusal(.subscriptionParseFailed, "\(error)")
        }
    }

    static func checkLength(of expression: String) throws {
        guard expression.utf8.count <= Self.expressionBytesMax else {
            throw Refusal(
                .subscriptionParseFailed,
                "a subscription is longer than \(Self.expressionBytesMax) bytes")
        }
    }
}
