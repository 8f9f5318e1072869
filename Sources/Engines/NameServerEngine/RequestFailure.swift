import RemotingProtocol
import RoutingCore

/// Why a request is not answered with success. The only place where a failure gets its code.
enum RequestFailure: Error, Hashable {
    case notSupported(code: Int32)
    case badField(HeaderFieldError)
    case badBody(String)
    case wrongChecksum
    case refused(RegistrationError)
    case settingRefused(KeyValueConfig.PutError)
    case noRoute(topic: String)
    case notFound(String)
    case lockedSetting(String)
    case unknownSetting(String)
    case answerTooLong(bytes: Int)

    var code: ResponseCode {
        switch self {
        case .notSupported: .requestCodeNotSupported
        case .badField, .badBody, .wrongChecksum, .refused, .settingRefused, .unknownSetting,
            .answerTooLong:
            .systemError
        case .noRoute: .topicNotExist
        case .notFound: .queryNotFound
        case .lockedSetting: .noPermission
        }
    }

    var remark: String {
        switch self {
        case .notSupported(let code): " request type \(code) not supported"
        case .badField(let error): error.description
        case .badBody(let problem): problem
        case .wrongChecksum: "crc32 not match"
        case .refused(let error): "register broker failed: \(error)"
        case .settingRefused(let error): error.description
        case .noRoute(let topic):
            "No topic route info in name server for the topic: \(topic)"
        case .notFound(let what): what
        case .lockedSetting(let key): "\(key) must not be changed"
        case .unknownSetting(let key): "\(key) cannot be changed while the name server runs"
        case .answerTooLong(let bytes):
            "the answer has \(bytes) bytes, a frame carries \(Answer.bodyBytesMax)"
        }
    }
}

extension Request {
    /// A field that must be there. Some clients send an empty text for an absent field.
    func text(_ name: StaticString) throws(RequestFailure) -> String {
        guard let text = self.command.nonEmptyString(name) else {
            throw .badField(HeaderFieldError(field: "\(name)", problem: "is missing"))
        }
        return text
    }

    func int32(_ name: StaticString) throws(RequestFailure) -> Int32? {
        do { return try self.command.int32(name) } catch { throw .badField(error) }
    }

    func int64(_ name: StaticString) throws(RequestFailure) -> Int64? {
        do { return try self.command.int64(name) } catch { throw .badField(error) }
    }

    func requiredInt64(_ name: StaticString) throws(RequestFailure) -> Int64 {
        do { return try self.command.requiredInt64(name) } catch { throw .badField(error) }
    }

    func bool(_ name: StaticString) throws(RequestFailure) -> Bool? {
        do { return try self.command.bool(name) } catch { throw .badField(error) }
    }

    func body<Body: JSONBody>(as type: Body.Type) throws(RequestFailure) -> Body {
        do { return try Body(bodyOf: self.command) } catch { throw .badBody(error.description) }
    }
}
